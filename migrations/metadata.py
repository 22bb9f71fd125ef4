"""All tables of the service in one metadata: for migrations and for the tests that read the catalog."""

from __future__ import annotations

import app.accounts.models
import app.cash_application.models
import app.collections.models
import app.correspondence.models
import app.credit.models
import app.customer_data.models
import app.desk.models
import app.desk.papers.models
import app.disputes.models
import app.documents.models
import app.dunning.charges.models
import app.dunning.messages.models
import app.dunning.models
import app.exports.models
import app.forecasting.models
import app.infra.mail.models
import app.infra.models
import app.integrations.bank_profiles.models
import app.integrations.models
import app.integrations.outbound.models
import app.integrations.source_books.models
import app.integrations.webhooks.models
import app.invoices.models
import app.ledger.models
import app.organizations.models
import app.payments.models
import app.privacy.models
import app.promises.models
import app.remittances.models
import app.reports.portfolio.models
import app.reports.schedules.models
import app.statements.models  # noqa: F401 - importing a room's models registers its tables
from app.infra.tables import Base

metadata = Base.metadata
