"""German."""

from __future__ import annotations

from app.dunning.messages.shipped.wording import Step, Wording

WORDING = Wording(
    greeting="Guten Tag {{ contact.name }},",
    greeting_anonymous="Sehr geehrte Damen und Herren,",
    farewell="Mit freundlichen Grüßen",
    invoice="Rechnung",
    invoice_date="Datum",
    due_date="Fällig am",
    days="Tage überfällig",
    open_amount="Offen",
    disputed="davon strittig und nicht angemahnt",
    total="Summe der Rechnungen",
    earlier="Frühere Gebühren und Zinsen",
    fee="Mahngebühr",
    interest="Verzugszinsen",
    compensation="Verzugskostenpauschale",
    sum_due="Zu zahlender Betrag",
    pay_to="Bitte zahlen Sie an",
    reference="Verwendungszweck",
    copies="Kopien der Rechnungen",
    unsubscribe="Sie möchten keine Erinnerungen per E-Mail",
    account="Kundenkonto",
    statement=Step(
        name="Kontoauszug",
        subject="Kontoauszug {{ account.number }} zum {{ today }}",
        opening="nachstehend erhalten Sie die zum {{ today }} offenen Posten Ihres Kontos.",
        closing="Falls Sie inzwischen gezahlt haben, betrachten Sie die betreffenden Posten bitte als erledigt. Bitte "
        "geben Sie uns Bescheid, wenn unsere Unterlagen von Ihren abweichen.",
        sms="{{ organization.name }}: offen auf Konto {{ account.number }}: {{ totals.sum_due }} {{ currency }}.",
    ),
    steps={
        "friendly_reminder": Step(
            name="Freundliche Erinnerung vor Fälligkeit",
            subject="Demnächst fällig: {{ totals.sum_due }} {{ currency }}, Konto {{ account.number }}",
            opening="die folgenden Rechnungen werden in Kürze fällig. Noch ist nichts verspätet: Wir möchten nur "
            "sichergehen, dass sie bei Ihnen angekommen sind und der Zahlung nichts im Wege steht.",
            closing="Falls Ihnen eine Rechnung fehlt oder etwas nicht stimmt, genügt eine kurze Antwort auf diese "
            "Nachricht.",
            sms="{{ organization.name }}: {{ totals.sum_due }} {{ currency }} werden demnächst fällig (Konto "
            "{{ account.number }}). Vielen Dank für pünktliche Zahlung.",
        ),
        "first_reminder": Step(
            name="Zahlungserinnerung",
            subject="Zahlungserinnerung: {{ totals.sum_due }} {{ currency }} überfällig, Konto {{ account.number }}",
            opening="sicher ist es Ihrer Aufmerksamkeit entgangen, dass die folgenden Rechnungen nicht zum "
            "Fälligkeitstag bezahlt wurden.",
            closing="Wir freuen uns auf Ihre Zahlung bis zum {{ pay_by }}. Sollte sie schon unterwegs sein, danken wir "
            "Ihnen und bitten Sie, diese Nachricht als gegenstandslos zu betrachten. Bei Fragen oder Reklamationen "
            "antworten Sie bitte auf diese Nachricht.",
            sms="{{ organization.name }}: {{ totals.sum_due }} {{ currency }} sind überfällig (Konto "
            "{{ account.number }}). Bitte zahlen Sie bis {{ pay_by }}. Schon bezahlt? Danke.",
        ),
        "second_reminder": Step(
            name="Zweite Mahnung",
            subject="Zweite Mahnung: {{ totals.sum_due }} {{ currency }} überfällig, Konto {{ account.number }}",
            opening="trotz unserer Erinnerung konnten wir für die folgenden Rechnungen noch keinen Zahlungseingang "
            "feststellen.",
            closing="Bitte zahlen Sie den Betrag bis zum {{ pay_by }}. Wenn Sie nicht sofort zahlen können oder eine "
            "Rechnung beanstanden, sagen Sie uns das bitte jetzt, damit wir gemeinsam eine Lösung finden.",
            sms="{{ organization.name }}: zweite Mahnung, {{ totals.sum_due }} {{ currency }} (Konto "
            "{{ account.number }}). Bitte zahlen Sie bis {{ pay_by }} oder melden Sie sich.",
        ),
        "final_notice": Step(
            name="Letzte Mahnung",
            subject="Letzte Mahnung: {{ totals.sum_due }} {{ currency }}, Konto {{ account.number }}",
            opening="die folgenden Rechnungen sind trotz mehrfacher Mahnung noch offen. Sie befinden sich in "
            "Zahlungsverzug.",
            closing="Wir fordern Sie letztmalig auf, den gesamten Betrag bis zum {{ pay_by }} zu zahlen. Danach können "
            "wir Lieferungen auf Rechnung einstellen und rechtliche Schritte vorbereiten, deren Kosten zu Ihren "
            "Lasten gingen.",
            sms="{{ organization.name }}: letzte Mahnung, {{ totals.sum_due }} {{ currency }} (Konto "
            "{{ account.number }}) bis {{ pay_by }}. Bitte rufen Sie uns an.",
        ),
        "legal_announcement": Step(
            name="Ankündigung rechtlicher Schritte",
            subject="Vor rechtlichen Schritten: {{ totals.sum_due }} {{ currency }}, Konto {{ account.number }}",
            opening="unsere letzte Mahnung blieb ohne Zahlung. Die folgenden Rechnungen sind in voller Höhe fällig und "
            "nach unserer Kenntnis unbestritten.",
            closing="Geht der gesamte Betrag nicht bis zum {{ pay_by }} bei uns ein, übergeben wir die Angelegenheit "
            "ohne weitere Ankündigung zur gerichtlichen Einziehung. Zinsen, Gerichts- und Anwaltskosten würden Ihre "
            "Schuld erhöhen. Durch rechtzeitige Zahlung können Sie das noch vermeiden.",
            sms="{{ organization.name }}: {{ totals.sum_due }} {{ currency }} (Konto {{ account.number }}) gehen nach "
            "dem {{ pay_by }} in die gerichtliche Einziehung.",
        ),
    },
)
