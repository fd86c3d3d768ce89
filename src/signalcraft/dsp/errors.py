"""What can be wrong with sound."""


class DspError(Exception):
    """The sound or its parameters cannot be worked on; the text says why, in English, for a person."""


class AudioDecodeError(DspError):
    """Bytes that are not the sound they should be.

    `reason` is a stable machine word: empty, not_sound, unsupported_codec, truncated, damaged, not_finite,
    out_of_range, too_long, unsupported_rate, unsupported_channels, unsupported_bits, odd_length.
    """

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
