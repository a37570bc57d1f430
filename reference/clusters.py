"""Golden values of NMI and AMI, from scikit-learn, as constants for `measure/clusters/tests.rs`.

Run: `python reference/clusters.py`, then copy what it prints. Needs: scikit-learn (1.9.1 then).
"""

import sklearn
from sklearn.metrics import adjusted_mutual_info_score, normalized_mutual_info_score

# Each: number of samples, label of sample i, cluster of sample i.
CASES = {
    "unequal": (12, lambda i: i // 3, lambda i: (i * i + 1) % 5),
    "nearly right": (60, lambda i: i // 6, lambda i: (i + i % 5 // 4 * 2) // 6),
    "independent": (100, lambda i: i % 10, lambda i: i // 10),
    "many singletons": (50, lambda i: i // 2, lambda i: i * 7 % 31),
    "one cluster": (10, lambda i: i // 2, lambda i: 0),
    "all alone": (10, lambda i: i // 2, lambda i: i),
    "large": (5000, lambda i: i * i % 97, lambda i: i * i * i % 89),
}

print(f"// scikit-learn {sklearn.__version__}")
for name, (n, label, cluster) in CASES.items():
    labels = [label(i) for i in range(n)]
    clusters = [cluster(i) for i in range(n)]
    nmi = normalized_mutual_info_score(labels, clusters)
    ami = adjusted_mutual_info_score(labels, clusters)
    print(f"{name:16} {nmi:.12f} {ami:.12f}")
