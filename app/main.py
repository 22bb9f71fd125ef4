"""The HTTP service: `uvicorn app.main:create_app --factory`. Routers, error handlers, lifespan; no rules."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware

from app import interface
from app.accounts.party_router import router as account_parties_router
from app.accounts.router import router as accounts_router
from app.accounts.terms_router import router as payment_terms_router
from app.cash_application.review.router import router as cash_application_review_router
from app.cash_application.router import router as cash_application_router
from app.cash_application.router_learning import router as cash_application_learning_router
from app.collections.legal.router import router as legal_cases_router
from app.collections.portfolio.router import router as collectors_router
from app.collections.router import router as collection_actions_router
from app.collections.router_escalations import router as escalations_router
from app.correspondence.follow_up.router import copies_router as invoice_copies_router
from app.correspondence.follow_up.router import inquiries_router, meetings_router
from app.correspondence.inbound.router import router as inbound_emails_router
from app.correspondence.inbound.router_mailbox import router as mailbox_router
from app.correspondence.router import messages_router as correspondence_messages_router
from app.correspondence.router import router as correspondence_router
from app.correspondence.router_settings import attempts_router as contact_attempts_router
from app.correspondence.router_settings import settings_router as correspondence_settings_router
from app.correspondence.router_settings import templates_router as correspondence_templates_router
from app.credit.file.router import router as credit_file_router
from app.credit.reviews.router import router as credit_reviews_router
from app.credit.router import router as credit_router
from app.customer_data.router import router as customer_data_router
from app.desk import portfolio_page  # noqa: F401 - importing it puts the forecast on the page of the portfolio
from app.desk.papers.router import router as papers_router
from app.desk.router import router as desk_router
from app.disputes.router import router as disputes_router
from app.disputes.router_catalogue import router as dispute_catalogue_router
from app.disputes.router_steps import router as dispute_steps_router
from app.documents.router import router as documents_router
from app.dunning.charges.router import router as charges_router
from app.dunning.charges.router_rates import router as charge_rates_router
from app.dunning.comparing.router import router as dunning_comparisons_router
from app.dunning.messages.router import router as dunning_messages_router
from app.dunning.messages.router_public import router as dunning_public_router
from app.dunning.messages.router_templates import router as dunning_templates_router
from app.dunning.policy.router import router as dunning_policies_router
from app.dunning.policy.router_blocks import router as dunning_blocks_router
from app.dunning.router_notices import router as dunning_notices_router
from app.dunning.router_runs import router as dunning_runs_router
from app.exports.router import router as export_log_router
from app.forecasting.router import router as forecasts_router
from app.forecasting.router_results import router as forecast_results_router
from app.infra.connection import APP_ROLE, database_settings, report_settings
from app.infra.database import Database
from app.infra.doorbell import make_doorbell
from app.infra.http import openapi, problems
from app.infra.http.docs import router as docs_router
from app.infra.http.events_router import router as events_router
from app.infra.http.health import router as health_router
from app.infra.http.jobs_router import router as jobs_router
from app.infra.http.mail_router import router as mail_router
from app.infra.http.middleware import RequestContext
from app.infra.http.problem_pages import router as problem_pages_router
from app.infra.http.rates import Limits
from app.infra.http.rooms import Rooms
from app.infra.http.stream_router import router as stream_router
from app.infra.http.streams import Streams
from app.infra.telemetry import configure_logs
from app.infra.tracing import configure_tracing
from app.integrations.bank_profiles.router import router as bank_profiles_router
from app.integrations.invoice_files.router import router as invoice_files_router
from app.integrations.odata.router import router as odata_router
from app.integrations.outbound.router import router as export_batches_router
from app.integrations.router import router as imports_router
from app.integrations.router_bank_statements import entries_router as bank_entries_router
from app.integrations.router_bank_statements import statements_router as bank_statements_router
from app.integrations.router_presets import router as import_presets_router
from app.integrations.router_progress import router as progress_router
from app.integrations.router_remittances import router as remittance_uploads_router
from app.integrations.source_books.router import router as source_books_router
from app.integrations.webhooks.router import router as webhooks_router
from app.invoices.router import router as invoices_router
from app.invoices.router_adjustments import router as adjustments_router
from app.invoices.router_credit_memos import router as credit_memos_router
from app.invoices.router_delivery import router as invoice_delivery_router
from app.ledger.router import router as ledger_router
from app.organizations.access_router import router as access_router
from app.organizations.router import router as organizations_router
from app.organizations.rules import SCOPES
from app.organizations.token_router import router as token_router
from app.organizations.tokens import AccessTokens
from app.payments.router import router as payments_router
from app.payments.router_applications import router as applications_router
from app.privacy.router import router as privacy_router
from app.promises.router import router as promises_router
from app.promises.router_plans import router as payment_plans_router
from app.remittances.router import router as remittances_router
from app.reports.performance.router import router as performance_reports_router
from app.reports.portfolio.router import router as key_figures_router
from app.reports.portfolio.router_provision import router as provision_router
from app.reports.router import router as reports_router
from app.reports.router_access import router as access_reports_router
from app.reports.router_cash_application import router as cash_application_report_router
from app.reports.router_disputes import router as dispute_reports_router
from app.reports.router_insights import router as insights_router
from app.reports.router_promises import router as promise_reports_router
from app.reports.schedules.router import router as report_schedules_router
from app.settings import Settings
from app.statements.router import router as statements_router
from app.statements.router_schedules import router as statement_schedules_router

ROUTERS: tuple[APIRouter, ...] = (  # every room's routers, low room to high
    stream_router,
    events_router,
    jobs_router,
    mail_router,
    token_router,
    access_router,
    organizations_router,
    documents_router,
    export_log_router,
    ledger_router,
    accounts_router,
    account_parties_router,
    payment_terms_router,
    invoices_router,
    credit_memos_router,
    adjustments_router,
    invoice_delivery_router,
    payments_router,
    applications_router,
    disputes_router,
    dispute_steps_router,
    dispute_catalogue_router,
    remittances_router,
    cash_application_router,
    cash_application_review_router,
    cash_application_learning_router,
    promises_router,
    payment_plans_router,
    collection_actions_router,
    escalations_router,
    legal_cases_router,
    collectors_router,
    credit_router,
    credit_reviews_router,
    credit_file_router,
    correspondence_router,
    correspondence_messages_router,
    inbound_emails_router,
    correspondence_templates_router,
    correspondence_settings_router,
    mailbox_router,
    contact_attempts_router,
    inquiries_router,
    meetings_router,
    invoice_copies_router,
    statements_router,
    statement_schedules_router,
    charge_rates_router,
    dunning_policies_router,
    dunning_comparisons_router,
    dunning_blocks_router,
    dunning_runs_router,
    dunning_notices_router,
    dunning_templates_router,
    dunning_messages_router,
    dunning_public_router,
    charges_router,
    imports_router,
    import_presets_router,
    source_books_router,
    export_batches_router,
    bank_statements_router,
    bank_entries_router,
    bank_profiles_router,
    remittance_uploads_router,
    invoice_files_router,
    progress_router,
    webhooks_router,
    odata_router,
    customer_data_router,
    reports_router,
    dispute_reports_router,
    cash_application_report_router,
    access_reports_router,
    insights_router,
    key_figures_router,
    provision_router,
    performance_reports_router,
    promise_reports_router,
    report_schedules_router,
    forecasts_router,
    forecast_results_router,
    desk_router,
    papers_router,
    privacy_router,
)

_CORS_ALLOWED = [
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
    "X-Request-Id",
    "traceparent",
    "tracestate",
]
_CORS_EXPOSED = [
    "ETag",
    "Location",
    "Link",
    "Idempotency-Replayed",
    "X-Request-Id",
    "Retry-After",
    "RateLimit",
    "RateLimit-Policy",
]


def _report_database(settings: Settings) -> Database | None:
    """The pool of the replica that reports read from, when there is one."""
    reached = report_settings(settings, role=APP_ROLE)
    return None if reached is None else Database.connect(reached)


def create_app(settings: Settings | None = None, database: Database | None = None) -> FastAPI:
    """The application. `database` is given by tests; otherwise the lifespan opens and closes the pools."""
    settings = settings or Settings()
    configure_logs(settings.log_level)
    configure_tracing("api", settings.otlp_endpoint)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if database is not None:
            app.state.database = app.state.read_database = app.state.report_database = database
            app.state.authenticator = AccessTokens(settings, database)
            yield
            return
        app.state.streams.end_with_process()
        doorbell = make_doorbell(settings)
        app.state.database = Database.connect(database_settings(settings, role=APP_ROLE), doorbell)
        app.state.read_database = Database.connect(
            database_settings(settings, role=APP_ROLE, pool_size=settings.read_pool_size)
        )
        app.state.report_database = _report_database(settings) or app.state.read_database
        app.state.authenticator = AccessTokens(settings, app.state.read_database)
        try:
            yield
        finally:
            await app.state.database.close()
            await app.state.read_database.close()
            if app.state.report_database is not app.state.read_database:
                await app.state.report_database.close()
            if doorbell is not None:
                await doorbell.close()

    app = FastAPI(
        title=interface.TITLE,
        version=interface.VERSION,
        description=interface.DESCRIPTION,
        contact=interface.CONTACT,
        license_info=interface.LICENSE,
        openapi_tags=[{"name": name, "description": text} for name, text in sorted(interface.TAGS.items())],
        lifespan=lifespan,
        openapi_url=None,  # served by `openapi.install`
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.settings = settings
    app.state.limits = Limits.of(settings.client_requests_per_minute, settings.organization_requests_per_minute)
    app.state.whole_organization = interface.WHOLE_ORGANIZATION
    app.state.streams = Streams(settings.streams_per_client, interface.EVENT_SCOPES)
    problems.install(app)
    rooms = Rooms(ROUTERS)
    app.router.routes.append(rooms)
    app.include_router(health_router)
    app.include_router(docs_router)
    app.include_router(problem_pages_router)
    openapi.install(app, SCOPES, rooms.routes)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=_CORS_ALLOWED,
            expose_headers=_CORS_EXPOSED,
        )
    app.add_middleware(
        RequestContext,
        body_limit_bytes=settings.request_body_limit_bytes,
        upload_limit_bytes=settings.upload_limit_bytes,
    )
    return app
