"""Sentences for people, always in both languages."""

from pydantic import BaseModel


class Text(BaseModel):
    """The same sentence in Korean and English."""

    ko: str
    en: str
