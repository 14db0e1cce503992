"""The public RetailRocket files: fetched with kagglehub, and checked to the byte."""

import shutil
from pathlib import Path

from smartrocket.errors import InputError
from smartrocket.files import ROOT, hash_file, replacing

DATASET = "retailrocket/ecommerce-dataset"
FOLDER = ROOT / "data" / "raw" / "retailrocket"
# Size in bytes and SHA-256 of each published file.
PUBLISHED = {
    "events.csv": (94_237_913, "3745aa83238b1e6d44d8fda209807899f420084398f94ddf745f3cbcfecbf9e7"),
    "item_properties_part1.csv": (484_315_749, "30aad5aeca58b2dc27dcc73e1708565f5818e45adb3eb57401f91e87355b0b81"),
    "item_properties_part2.csv": (408_929_907, "d5e7d1a91dc40f522aeb596b267e6c87d8aed689a7192d12369cfb165eb987e5"),
    "category_tree.csv": (14_454, "94e865eb0a3d48cbbfe3b79079018dd92509315c88f5fd8d00d0b4b5af434f5b"),
}
BY_HAND = (
    f"download the four files of https://www.kaggle.com/datasets/{DATASET} ({', '.join(PUBLISHED)}) "
    "and put them into data/raw/retailrocket/."
)


def fetch_retailrocket() -> None:
    """Put the four published files into data/raw/retailrocket/ and check size and SHA-256 of each.

    Files that are there and right are kept. Raises InputError when they cannot be fetched or differ.
    """
    if all((FOLDER / name).is_file() for name in PUBLISHED):
        check_files(FOLDER)
        print("data/raw/retailrocket/ holds the four published files, checked to the byte")
        return
    try:
        import kagglehub

        fetched = Path(kagglehub.dataset_download(DATASET))
    except Exception as error:  # kagglehub lets every kind of network error through
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InputError(f"RetailRocket's files cannot be fetched ({reason}): {BY_HAND}") from None
    check_files(fetched)
    for name in PUBLISHED:
        with replacing(FOLDER / name) as temporary:
            shutil.copyfile(fetched / name, temporary)
    print("data/raw/retailrocket/ now holds the four published files, checked to the byte")


def check_files(folder: Path) -> None:
    """Compare size and SHA-256 of each file with the published ones. Raises InputError for the first that differs."""
    for name, (size, digest) in PUBLISHED.items():
        path = folder / name
        if not path.is_file():
            raise InputError(f"{path} is missing: {BY_HAND}")
        if path.stat().st_size != size:
            raise InputError(f"{path} has {path.stat().st_size:,} bytes instead of {size:,}: remove it and {BY_HAND}")
        if hash_file(path) != digest:
            raise InputError(f"{path} differs from the published file (SHA-256): remove it and {BY_HAND}")
