"""Refusals of the organization room, and what its constraints mean."""

from __future__ import annotations

from app.core.errors import Conflict, Forbidden, NotFound, RuleViolation
from app.infra.constraints import on_constraint


class OrganizationUnknown(NotFound):
    """No such organization, or another one's."""

    code = "organization.not_found"


class LegalEntityUnknown(NotFound):
    """No legal entity with that id or code."""

    code = "legal_entity.not_found"


class LegalEntityCodeTaken(Conflict):
    """Another legal entity has the code."""

    code = "legal_entity.code_taken"


class BankAccountUnknown(NotFound):
    """No own bank account with that id."""

    code = "bank_account.not_found"


class BankAccountTaken(Conflict):
    """Another own bank account has the same identifier and currency."""

    code = "bank_account.identifier_taken"


class BankAccountInvalid(RuleViolation):
    """The identifier is empty once blanks and separators are taken out."""

    code = "bank_account.identifier_invalid"


class IbanInvalid(RuleViolation):
    """It looks like an IBAN, but length, country or check digits are wrong (ISO 13616)."""

    code = "bank_account.iban_invalid"


class BicInvalid(RuleViolation):
    """Not a BIC (ISO 9362)."""

    code = "bank_account.bic_invalid"


class UserUnknown(NotFound):
    """No user with that id."""

    code = "user.not_found"


class UserTaken(Conflict):
    """Another user has the same e-mail address, or the same issuer and subject."""

    code = "user.taken"


class SubjectIncomplete(RuleViolation):
    """Issuer and subject come together."""

    code = "user.subject_incomplete"


class LastAdmin(RuleViolation):
    """Somebody must be able to administer the organization."""

    code = "user.last_admin"


class ApiClientUnknown(NotFound):
    """No API client with that id."""

    code = "api_client.not_found"


class ApiClientNameTaken(Conflict):
    """Another API client has the name."""

    code = "api_client.name_taken"


class SecretUnknown(NotFound):
    """The API client has no secret with that id."""

    code = "api_client.secret_not_found"


class SecretsFull(Conflict):
    """Two secrets are valid at once, no more; revoke one first."""

    code = "api_client.secrets_full"


class SecretExpiryPast(RuleViolation):
    """A secret that has expired already is of no use."""

    code = "api_client.expiry_in_the_past"


class GrantExceedsOwn(Forbidden):
    """Nobody gives away scopes that they do not hold."""

    code = "auth.grant_exceeds_own"


class RateInvalid(RuleViolation):
    """An exchange rate is between two currencies, positive, once for a pair and date."""

    code = "exchange_rate.invalid"


on_constraint(
    "uq_legal_entities_organization_id_code",
    lambda: LegalEntityCodeTaken("a legal entity with this code exists already", pointer="/code"),
)
on_constraint(
    "uq_bank_accounts_organization_id_identifier_currency",
    lambda: BankAccountTaken("an own bank account with this identifier and currency exists", pointer="/identifier"),
)
on_constraint(
    "uq_users_organization_id_email",
    lambda: UserTaken("a user with this e-mail address exists already", pointer="/email"),
)
on_constraint(
    "uq_users_organization_id_issuer_subject",
    lambda: UserTaken("a user with this issuer and subject exists already", pointer="/subject"),
)
on_constraint(
    "uq_api_clients_organization_id_name",
    lambda: ApiClientNameTaken("an API client with this name exists already", pointer="/name"),
)
