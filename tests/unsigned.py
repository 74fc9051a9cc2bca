"""Files of tensors as another program would write them."""

from flawsmith.core.tensors import DIGEST, DIGEST_OF


def unsigned(metadata: dict[str, str]) -> dict[str, str]:
    """Return the metadata of a header without the checksum, for a file that is changed on purpose."""
    return {key: value for key, value in metadata.items() if key not in (DIGEST, DIGEST_OF)}
