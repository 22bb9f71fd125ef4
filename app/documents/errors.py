"""Refusals of the documents room."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, RuleViolation, TooLarge


class DocumentNotFound(NotFound):
    """No such document in this organization, or it belongs to nothing that the caller may read."""

    code = "document.not_found"


class DocumentLinkNotFound(NotFound):
    """The document does not belong to such a subject."""

    code = "document.link_not_found"


class DocumentSubjectUnknown(RuleViolation):
    """The record that the document should belong to does not exist here."""

    code = "document.subject_unknown"


class DocumentUploadInvalid(RuleViolation):
    """The form cannot be read, or has no file."""

    code = "document.upload_invalid"


class DocumentTooLarge(TooLarge):
    """The file is larger than what the service takes."""

    code = "document.too_large"


class DocumentLinked(Conflict):
    """The document belongs to this subject already."""

    code = "document.linked"
