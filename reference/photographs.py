"""YuNet, alignment and an embedder in Python with OpenCV and ONNX Runtime, step by step as the project runs them.

It is the peer of the photograph pipeline: `photograph_accuracy.py` compares its figures, `bench_photographs.py` its time.
Everything but the two networks and OpenCV's decoding and warp is written out here, from the models' own descriptions.
"""

import cv2
import numpy as np
import onnxruntime

TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
SIDE = 112
STRIDES = (8, 16, 32)
MIN_SCORE, MAX_OVERLAP = 0.5, 0.3
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


def session(path, threads):
    """A network with a fixed number of threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class Detector:
    """YuNet with its pictures padded to multiples of 32, and its boxes, scores and landmarks decoded."""

    def __init__(self, path, threads=1):
        self.network = session(path, threads)
        self.names = [it.name for it in self.network.get_outputs()]

    def raw(self, picture):
        """Outputs by name for a BGR picture."""
        height, width = picture.shape[:2]
        padded = np.zeros((-(-height // 32) * 32, -(-width // 32) * 32, 3), np.uint8)
        padded[:height, :width] = picture
        tensor = padded.transpose(2, 0, 1)[None].astype(np.float32)
        outputs = self.network.run(None, {"input": np.ascontiguousarray(tensor)})
        return dict(zip(self.names, outputs)), padded.shape[:2]

    def faces(self, picture, longest=None):
        """Rows of x, y, width, height, five landmarks, score, best first; the picture is shrunk to `longest` before."""
        scale = 1.0
        if longest and max(picture.shape[:2]) > longest:
            scale = longest / max(picture.shape[:2])
            size = [max(1, round(side * scale)) for side in picture.shape[1::-1]]
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        outputs, (height, width) = self.raw(picture)
        rows = []
        for stride in STRIDES:
            columns = width // stride
            score = np.sqrt(outputs[f"cls_{stride}"][0, :, 0] * outputs[f"obj_{stride}"][0, :, 0])
            kept = np.flatnonzero(score >= MIN_SCORE)
            prior = np.stack([kept % columns, kept // columns], 1) * stride
            box, points = outputs[f"bbox_{stride}"][0, kept], outputs[f"kps_{stride}"][0, kept]
            size = np.exp(box[:, 2:]) * stride
            corner = box[:, :2] * stride + prior - size / 2
            points = points.reshape(-1, 5, 2) * stride + prior[:, None]
            rows.append(np.concatenate([corner, size, points.reshape(-1, 10), score[kept, None]], 1))
        rows = np.concatenate(rows)
        rows = rows[np.argsort(-rows[:, -1], kind="stable")]
        kept = []
        for row in rows:
            if all(overlap(row, other) <= MAX_OVERLAP for other in kept):
                kept.append(row)
        faces = np.array(kept).reshape(-1, 15)
        faces[:, :14] /= scale
        return faces


def overlap(a, b):
    """Intersection over union of two boxes."""
    left, top = np.maximum(a[:2], b[:2])
    right, bottom = np.minimum(a[:2] + a[2:4], b[:2] + b[2:4])
    both = max(0.0, right - left) * max(0.0, bottom - top)
    return both / (a[2] * a[3] + b[2] * b[3] - both)


def chosen(faces, picture):
    """The face that is large and central: largest area less twice the squared distance from the picture's center."""
    middle = np.array(picture.shape[1::-1]) / 2
    distance = ((faces[:, :2] + faces[:, 2:4] / 2 - middle) ** 2).sum(1)
    return faces[np.argmax(faces[:, 2] * faces[:, 3] - 2 * distance)]


def similarity(points):
    """Umeyama's similarity transform of five landmarks onto the template, 2 x 3."""
    source, target = points - points.mean(0), TEMPLATE - TEMPLATE.mean(0)
    u, d, vt = np.linalg.svd(target.T @ source / 5)
    sign = np.diag([1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ sign @ vt
    scale = (d * np.diag(sign)).sum() / source.var(0).sum()
    offset = TEMPLATE.mean(0) - scale * rotation @ points.mean(0)
    return np.concatenate([scale * rotation, offset[:, None]], 1)


def aligned(picture, face):
    """The chip of a face, 112 x 112, BGR."""
    matrix = similarity(face[4:14].reshape(5, 2).astype(np.float64))
    return cv2.warpAffine(picture, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0))


class Embedder:
    """MobileFaceNet of foamliu: one chip to a unit vector."""

    def __init__(self, path, threads=1):
        self.network = session(path, threads)
        self.input = self.network.get_inputs()[0].name

    def embedding(self, chip):
        rgb = (chip[:, :, ::-1].astype(np.float32) / 255 - MEAN) / STD
        (row,) = self.network.run(None, {self.input: np.ascontiguousarray(rgb.transpose(2, 0, 1)[None])})[0]
        return row / np.linalg.norm(row)


def embed(path, detector, embedder, longest=None):
    """From file to embedding; nothing if no face is found."""
    picture = cv2.imread(str(path))
    faces = detector.faces(picture, longest)
    return embedder.embedding(aligned(picture, chosen(faces, picture))) if len(faces) else None
