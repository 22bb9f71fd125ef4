// A story told by the generated TypeScript client: an account, an invoice, its payment, a dispute, the aging.
// `node built/scenario.js BASE_URL`, with the access token in DUECOURSE_TOKEN.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Invoice = components["schemas"]["InvoiceRead"];

const baseUrl = process.argv[2] ?? "http://127.0.0.1:8000";
const client = createClient<paths>({
  baseUrl,
  headers: { Authorization: `Bearer ${process.env["DUECOURSE_TOKEN"] ?? ""}` },
});
const suffix = randomUUID().slice(0, 8);
const header = (): { "Idempotency-Key": string } => ({ "Idempotency-Key": randomUUID() });

function must<T>(result: { data?: T; error?: { code: string; detail: string }; response: Response }): T {
  if (result.data === undefined) {
    throw new Error(`${result.response.status} ${result.error?.code}: ${result.error?.detail}`);
  }
  return result.data;
}

const entities = must(await client.GET("/v1/legal-entities", { params: { query: { limit: 1 } } }));
const entity = entities.data[0];
assert(entity !== undefined);

const account = must(
  await client.POST("/v1/accounts", {
    params: { header: header() },
    body: { number: `TS-${suffix}`, name: "Brandt Maschinenbau GmbH", currency: "EUR", country: "DE" },
  }),
);

async function issue(number: string, amount: string): Promise<Invoice> {
  return must(
    await client.POST("/v1/invoices", {
      params: { header: header() },
      body: {
        number,
        account_id: account.id,
        legal_entity_id: entity!.id,
        currency: "EUR",
        amount,
        invoice_date: "2026-01-05",
        due_date: "2026-02-04",
      },
    }),
  );
}

const paid = await issue(`TS-1-${suffix}`, "1250.00");
const contested = await issue(`TS-2-${suffix}`, "400.00");

const payment = must(
  await client.POST("/v1/payments", {
    params: { header: header() },
    body: { account_id: account.id, legal_entity_id: entity.id, amount: "1000.00", currency: "EUR", value_date: "2026-02-10", match: false },
  }),
);
const instalment = paid.instalments[0];
assert(instalment !== undefined);
must(
  await client.POST("/v1/payments/{payment_id}/applications", {
    params: { path: { payment_id: payment.id }, header: header() },
    body: { effective_date: "2026-02-10", currency: "EUR", lines: [{ instalment_id: instalment.id, amount: "1000.00" }] },
  }),
);

const contestedInstalment = contested.instalments[0];
assert(contestedInstalment !== undefined);
const dispute = must(
  await client.POST("/v1/disputes", {
    params: { header: header() },
    body: { currency: "EUR", reason_code: "damaged_goods", lines: [{ instalment_id: contestedInstalment.id }] },
  }),
);
assert.equal(dispute.currency, "EUR");

const read = must(await client.GET("/v1/invoices/{invoice_id}", { params: { path: { invoice_id: paid.id } } }));
assert.equal(read.open_amount, "250.00");

const aging = must(
  await client.GET("/v1/reports/aging", { params: { query: { as_of: "2026-03-31", account_id: account.id } } }),
);
assert(typeof aging === "object"); // the same report comes as a file too
assert.equal(aging.rows.length, 1);
assert.equal(aging.totals[0]?.open_amount, "650.00");

const refused = await client.GET("/v1/invoices/{invoice_id}", { params: { path: { invoice_id: randomUUID() } } });
assert.equal(refused.response.status, 404);
assert.equal(refused.error?.code, "invoice.not_found");
console.log("the TypeScript client did all of it");
