"""English."""

from __future__ import annotations

from app.dunning.messages.shipped.wording import Step, Wording

WORDING = Wording(
    greeting="Dear {{ contact.name }},",
    greeting_anonymous="Dear Sir or Madam,",
    farewell="Kind regards",
    invoice="Invoice",
    invoice_date="Date",
    due_date="Due",
    days="Days past due",
    open_amount="Open",
    disputed="of which disputed and not asked for",
    total="Total of the invoices",
    earlier="Earlier charges",
    fee="Reminder fee",
    interest="Interest on late payment",
    compensation="Compensation for recovery costs",
    sum_due="Amount to be paid",
    pay_to="Please pay to",
    reference="Payment reference",
    copies="Copies of the invoices",
    unsubscribe="You do not want reminders by e-mail",
    account="Customer account",
    statement=Step(
        name="Statement of account",
        subject="Statement of account {{ account.number }} as of {{ today }}",
        opening="Please find below the items of your account that are open as of {{ today }}.",
        closing="If you have paid in the meantime, please disregard the items concerned. Please tell us if our records "
        "differ from yours.",
        sms="{{ organization.name }}: open on account {{ account.number }}: {{ totals.sum_due }} {{ currency }}.",
    ),
    steps={
        "friendly_reminder": Step(
            name="Friendly reminder before the due date",
            subject="Coming due: {{ totals.sum_due }} {{ currency }}, account {{ account.number }}",
            opening="This is a friendly note that the following invoices will soon be due. Nothing is late: we would "
            "only like to be sure that they have reached you and that nothing stands in the way of payment.",
            closing="If an invoice is missing or something is not right, a short answer to this message is enough.",
            sms="{{ organization.name }}: {{ totals.sum_due }} {{ currency }} will be due soon (account "
            "{{ account.number }}). Thank you for paying on time.",
        ),
        "first_reminder": Step(
            name="First reminder",
            subject="Reminder: {{ totals.sum_due }} {{ currency }} overdue, account {{ account.number }}",
            opening="It has perhaps escaped your attention that the following invoices have not been paid by their due "
            "dates.",
            closing="We would be glad to receive your payment by {{ pay_by }}. If it is already on its way, please "
            "accept our thanks and disregard this message. If you have a question or a complaint, please answer this "
            "message.",
            sms="{{ organization.name }}: {{ totals.sum_due }} {{ currency }} is overdue (account "
            "{{ account.number }}). Please pay by {{ pay_by }}. Already paid? Thank you.",
        ),
        "second_reminder": Step(
            name="Second reminder",
            subject="Second reminder: {{ totals.sum_due }} {{ currency }} overdue, account {{ account.number }}",
            opening="In spite of our reminder we have not yet received payment of the following invoices.",
            closing="Please pay the amount by {{ pay_by }}. If you cannot pay at once, or if you object to an invoice, "
            "please tell us now, so that we can find a solution together.",
            sms="{{ organization.name }}: second reminder, {{ totals.sum_due }} {{ currency }} (account "
            "{{ account.number }}). Please pay by {{ pay_by }} or get in touch.",
        ),
        "final_notice": Step(
            name="Final notice",
            subject="Final notice: {{ totals.sum_due }} {{ currency }}, account {{ account.number }}",
            opening="The following invoices are still unpaid although we have reminded you of them several times. You "
            "are in default of payment.",
            closing="We ask you for the last time to pay the whole amount by {{ pay_by }}. After that date we may stop "
            "deliveries on account and prepare legal action, the costs of which would be yours.",
            sms="{{ organization.name }}: final notice, {{ totals.sum_due }} {{ currency }} (account "
            "{{ account.number }}) by {{ pay_by }}. Please call us.",
        ),
        "legal_announcement": Step(
            name="Announcement of legal action",
            subject="Before legal action: {{ totals.sum_due }} {{ currency }}, account {{ account.number }}",
            opening="Our final notice has remained without payment. The following invoices are due in full and are not "
            "disputed as far as we know.",
            closing="If the whole amount has not reached us by {{ pay_by }}, we shall hand the matter over for "
            "collection by legal means without further notice. Interest, court fees and lawyers' fees would be added "
            "to your debt. You can still avoid this by paying in time.",
            sms="{{ organization.name }}: {{ totals.sum_due }} {{ currency }} (account {{ account.number }}) goes to "
            "legal collection after {{ pay_by }}.",
        ),
    },
)
