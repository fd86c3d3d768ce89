"""Which data set is meant by a folder or a name, told by what lies in it."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from signalcraft.evaluation import layouts, measured, synthetic
from signalcraft.evaluation.errors import EvaluationError
from signalcraft.evaluation.trials import Dataset, Trial, contaminated

CONTAMINATED_CLIPS = 60  # with that few a machine starts
CONTAMINATED_REPETITIONS = 5


def find(data: str, *, noise: Path | None = None, snr_db: tuple[float, ...] = ()) -> Dataset:
    """The data set at a folder, or a preset `simulator:…`.

    noise, snr_db: what to mix into recordings of a folder that takes noise, and how loud. Raises
    EvaluationError if nothing there can be evaluated.
    """
    if data.startswith(synthetic.PREFIX):
        return synthetic.dataset(data)
    folder = Path(data)
    if not folder.is_dir():
        raise EvaluationError(f"{data}: there is no such folder")
    for recognise in (
        measured.mimii_features,
        measured.iitk_features,
        measured.air_compressor,
        partial(measured.uav, noise=noise, snr_db=snr_db or measured.SNR_DB),
        layouts.labelled_folders,
    ):
        dataset = recognise(folder)
        if dataset is not None:
            return dataset
    raise EvaluationError(
        f"{data}: neither train/ and test/ (DCASE), nor normal/ and abnormal/ (MIMII), nor files named"
        " normal_… and anomaly_…, nor a data set that is known by its file names"
    )


def with_contamination(dataset: Dataset, share: float) -> Dataset:
    """The same test with a share of anomalous clips among CONTAMINATED_CLIPS healthy ones, and without."""

    def trials() -> Iterator[Trial]:
        for trial in dataset.trials():
            yield from contaminated(
                trial, share=share, clips=CONTAMINATED_CLIPS, repetitions=CONTAMINATED_REPETITIONS
            )

    protocol = (
        f"{dataset.protocol} Of those to train, {CONTAMINATED_CLIPS} chosen at random"
        f" ({CONTAMINATED_REPETITIONS} times), as they are and with {share:.0%} replaced by anomalous clips"
        " that are then not tested."
    )
    return Dataset(dataset.title, protocol, trials, dataset.synthetic)
