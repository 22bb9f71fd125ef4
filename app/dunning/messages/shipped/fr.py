"""French."""

from __future__ import annotations

from app.dunning.messages.shipped.wording import Step, Wording

WORDING = Wording(
    greeting="Bonjour {{ contact.name }},",
    greeting_anonymous="Madame, Monsieur,",
    farewell="Nous vous prions d'agréer nos salutations distinguées.",
    invoice="Facture",
    invoice_date="Date",
    due_date="Échéance",
    days="Jours de retard",
    open_amount="Solde dû",
    disputed="dont contesté et non réclamé",
    total="Total des factures",
    earlier="Frais antérieurs",
    fee="Frais de relance",
    interest="Intérêts de retard",
    compensation="Indemnité forfaitaire de recouvrement",
    sum_due="Montant à payer",
    pay_to="Merci de payer à",
    reference="Référence de paiement",
    copies="Copies des factures",
    unsubscribe="Vous ne souhaitez plus recevoir de rappels par courriel",
    account="Compte client",
    statement=Step(
        name="Relevé de compte",
        subject="Relevé de compte {{ account.number }} au {{ today }}",
        opening="Vous trouverez ci-dessous les postes de votre compte ouverts au {{ today }}.",
        closing="Si vous avez réglé entre-temps, veuillez ne pas tenir compte des postes concernés. Merci de nous "
        "signaler tout écart avec vos livres.",
        sms="{{ organization.name }} : solde du compte {{ account.number }} : {{ totals.sum_due }} {{ currency }}.",
    ),
    steps={
        "friendly_reminder": Step(
            name="Rappel amical avant l'échéance",
            subject="Bientôt à échéance : {{ totals.sum_due }} {{ currency }}, compte {{ account.number }}",
            opening="Les factures suivantes arrivent bientôt à échéance. Rien n'est en retard : nous souhaitons "
            "seulement nous assurer qu'elles vous sont parvenues et que rien ne s'oppose à leur paiement.",
            closing="S'il vous manque une facture ou si quelque chose n'est pas exact, une courte réponse à ce message "
            "suffit.",
            sms="{{ organization.name }} : {{ totals.sum_due }} {{ currency }} arrivent à échéance (compte "
            "{{ account.number }}). Merci de payer à temps.",
        ),
        "first_reminder": Step(
            name="Première relance",
            subject="Rappel : {{ totals.sum_due }} {{ currency }} en retard, compte {{ account.number }}",
            opening="Sauf erreur de notre part, les factures suivantes n'ont pas été réglées à leur échéance.",
            closing="Nous vous remercions de votre paiement avant le {{ pay_by }}. S'il est déjà en route, veuillez ne "
            "pas tenir compte de ce message. Pour toute question ou réclamation, répondez simplement à ce message.",
            sms="{{ organization.name }} : {{ totals.sum_due }} {{ currency }} en retard (compte "
            "{{ account.number }}). Merci de payer avant le {{ pay_by }}. Déjà payé ? Merci.",
        ),
        "second_reminder": Step(
            name="Deuxième relance",
            subject="Deuxième relance : {{ totals.sum_due }} {{ currency }} en retard, compte {{ account.number }}",
            opening="Malgré notre rappel, nous n'avons pas encore reçu le paiement des factures suivantes.",
            closing="Nous vous demandons de régler ce montant avant le {{ pay_by }}. Si vous ne pouvez pas payer "
            "immédiatement, ou si vous contestez une facture, dites-le-nous dès maintenant afin que nous trouvions "
            "ensemble une solution.",
            sms="{{ organization.name }} : deuxième relance, {{ totals.sum_due }} {{ currency }} (compte "
            "{{ account.number }}). Merci de payer avant le {{ pay_by }} ou de nous contacter.",
        ),
        "final_notice": Step(
            name="Mise en demeure",
            subject="Mise en demeure : {{ totals.sum_due }} {{ currency }}, compte {{ account.number }}",
            opening="Malgré plusieurs relances, les factures suivantes restent impayées. Vous êtes en retard de "
            "paiement.",
            closing="Nous vous mettons en demeure de régler la totalité du montant avant le {{ pay_by }}. Passé ce "
            "délai, nous pourrons suspendre les livraisons à crédit et préparer une action en justice, à vos frais.",
            sms="{{ organization.name }} : mise en demeure, {{ totals.sum_due }} {{ currency }} (compte "
            "{{ account.number }}) avant le {{ pay_by }}. Merci de nous appeler.",
        ),
        "legal_announcement": Step(
            name="Annonce d'une action en justice",
            subject="Avant action en justice : {{ totals.sum_due }} {{ currency }}, compte {{ account.number }}",
            opening="Notre mise en demeure est restée sans paiement. Les factures suivantes sont entièrement exigibles "
            "et, à notre connaissance, non contestées.",
            closing="Si la totalité du montant ne nous est pas parvenue avant le {{ pay_by }}, nous confierons le "
            "recouvrement à la justice sans autre avis. Intérêts, frais de justice et honoraires s'ajouteraient à "
            "votre dette. Un paiement dans le délai vous l'évitera.",
            sms="{{ organization.name }} : {{ totals.sum_due }} {{ currency }} (compte {{ account.number }}) en "
            "recouvrement judiciaire après le {{ pay_by }}.",
        ),
    },
)
