//! What the words of a report mean, for those who read one for the first time.

/// The words of a report on verification.
pub(crate) const VERIFICATION: [(&str, &str); 8] = [
    (
        "Score",
        "How alike two faces are to the model: the cosine similarity of their embeddings, from −1 \
         to 1. It is not a probability.",
    ),
    ("Threshold", "The score at or above which a comparison counts as a match."),
    (
        "Mated, non-mated",
        "A comparison of two pictures of the same identity, or of two different identities.",
    ),
    (
        "FMR, false match rate",
        "The share of non-mated comparisons that match although they should not. The literature \
         on face recognition calls it FAR.",
    ),
    (
        "FNMR, false non-match rate",
        "The share of mated comparisons that do not match although they should. TAR, the true \
         match rate, is what is left: 1 − FNMR.",
    ),
    (
        "EER, equal error rate",
        "The rate at the threshold where FMR and FNMR are equal. Systems run at a much lower FMR.",
    ),
    (
        "ROC and DET",
        "Two ways to draw what a lower FMR costs. A ROC shows TAR and rises; a DET shows both \
         errors, spaced by normal deviates, and the lower curve is the better one.",
    ),
    (
        "95 % interval",
        "Where the figure would fall if other identities of the same kind had been measured, 19 \
         times of 20. It knows nothing of other cameras or other populations.",
    ),
];

/// The words of a report on identification.
pub(crate) const IDENTIFICATION: [(&str, &str); 6] = [
    ("Gallery, probe", "The enrolled identities, and the picture that is searched among them."),
    (
        "Mated, non-mated search",
        "A search for somebody who is enrolled, or for a stranger, who should not be found.",
    ),
    (
        "FPIR, false positive identification rate",
        "The share of searches for strangers that report somebody.",
    ),
    (
        "FNIR, false negative identification rate",
        "The share of searches for enrolled identities that do not report the right one at rank \
         1 and at or above the threshold.",
    ),
    ("Rank k, CMC", "How often the right identity is among the first k, without a threshold."),
    ("Failure to enroll", "A picture from which no template could be made. It counts as an error."),
];
