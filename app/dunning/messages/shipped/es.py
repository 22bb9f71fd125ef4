"""Spanish."""

from __future__ import annotations

from app.dunning.messages.shipped.wording import Step, Wording

WORDING = Wording(
    greeting="Hola, {{ contact.name }}:",
    greeting_anonymous="Estimados señores:",
    farewell="Atentamente",
    invoice="Factura",
    invoice_date="Fecha",
    due_date="Vencimiento",
    days="Días de retraso",
    open_amount="Pendiente",
    disputed="de los cuales en disputa y no reclamados",
    total="Total de las facturas",
    earlier="Cargos anteriores",
    fee="Gastos de reclamación",
    interest="Intereses de demora",
    compensation="Compensación por costes de cobro",
    sum_due="Importe a pagar",
    pay_to="Les rogamos que paguen a",
    reference="Referencia de pago",
    copies="Copias de las facturas",
    unsubscribe="No desea recibir recordatorios por correo electrónico",
    account="Cuenta de cliente",
    statement=Step(
        name="Estado de cuenta",
        subject="Estado de cuenta {{ account.number }} a {{ today }}",
        opening="A continuación figuran las partidas de su cuenta pendientes a {{ today }}.",
        closing="Si ya han pagado, no tengan en cuenta las partidas correspondientes. Les rogamos que nos avisen si "
        "nuestros registros difieren de los suyos.",
        sms="{{ organization.name }}: pendiente en la cuenta {{ account.number }}: {{ totals.sum_due }} "
        "{{ currency }}.",
    ),
    steps={
        "friendly_reminder": Step(
            name="Recordatorio amistoso antes del vencimiento",
            subject="Próximo vencimiento: {{ totals.sum_due }} {{ currency }}, cuenta {{ account.number }}",
            opening="Las siguientes facturas vencen próximamente. Nada está atrasado: solo queremos asegurarnos de que "
            "las han recibido y de que nada impide su pago.",
            closing="Si les falta alguna factura o algo no es correcto, basta con responder brevemente a este mensaje.",
            sms="{{ organization.name }}: {{ totals.sum_due }} {{ currency }} vencen pronto (cuenta "
            "{{ account.number }}). Gracias por pagar a tiempo.",
        ),
        "first_reminder": Step(
            name="Primer recordatorio",
            subject="Recordatorio: {{ totals.sum_due }} {{ currency }} vencidos, cuenta {{ account.number }}",
            opening="Quizá les haya pasado inadvertido que las siguientes facturas no se han pagado a su vencimiento.",
            closing="Les agradeceremos su pago antes del {{ pay_by }}. Si ya está en camino, les damos las gracias y "
            "les rogamos que no tengan en cuenta este mensaje. Si tienen alguna pregunta o reclamación, respondan a "
            "este mensaje.",
            sms="{{ organization.name }}: {{ totals.sum_due }} {{ currency }} vencidos (cuenta "
            "{{ account.number }}). Pague antes del {{ pay_by }}. ¿Ya pagó? Gracias.",
        ),
        "second_reminder": Step(
            name="Segundo recordatorio",
            subject="Segundo recordatorio: {{ totals.sum_due }} {{ currency }} vencidos, cuenta {{ account.number }}",
            opening="A pesar de nuestro recordatorio, todavía no hemos recibido el pago de las siguientes facturas.",
            closing="Les rogamos que paguen el importe antes del {{ pay_by }}. Si no pueden pagar de inmediato, o si "
            "no están de acuerdo con alguna factura, dígannoslo ahora para encontrar juntos una solución.",
            sms="{{ organization.name }}: segundo recordatorio, {{ totals.sum_due }} {{ currency }} (cuenta "
            "{{ account.number }}). Pague antes del {{ pay_by }} o contáctenos.",
        ),
        "final_notice": Step(
            name="Último aviso",
            subject="Último aviso: {{ totals.sum_due }} {{ currency }}, cuenta {{ account.number }}",
            opening="Las siguientes facturas siguen impagadas a pesar de varios recordatorios. Se encuentran ustedes "
            "en mora.",
            closing="Les requerimos por última vez el pago de la totalidad antes del {{ pay_by }}. Pasada esa fecha "
            "podremos suspender las entregas a crédito y preparar acciones legales, cuyos gastos correrían a su cargo.",
            sms="{{ organization.name }}: último aviso, {{ totals.sum_due }} {{ currency }} (cuenta "
            "{{ account.number }}) antes del {{ pay_by }}. Llámenos, por favor.",
        ),
        "legal_announcement": Step(
            name="Anuncio de acciones legales",
            subject="Antes de acciones legales: {{ totals.sum_due }} {{ currency }}, cuenta {{ account.number }}",
            opening="Nuestro último aviso ha quedado sin pago. Las siguientes facturas son exigibles en su totalidad "
            "y, que sepamos, no están en disputa.",
            closing="Si la totalidad del importe no nos ha llegado antes del {{ pay_by }}, entregaremos el asunto para "
            "su cobro judicial sin más aviso. Intereses, costas y honorarios de abogados aumentarían su deuda. "
            "Todavía pueden evitarlo pagando a tiempo.",
            sms="{{ organization.name }}: {{ totals.sum_due }} {{ currency }} (cuenta {{ account.number }}) pasan a "
            "cobro judicial después del {{ pay_by }}.",
        ),
    },
)
