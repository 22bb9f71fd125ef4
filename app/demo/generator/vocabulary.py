"""The words of the sample company's world: countries, invented names, towns, trades, and how payers write.

Every name is put together from invented roots; a likeness to a real company would be chance.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Country:
    """Where customers sit: the legal entity that sells to them, their currency, language and habits."""

    code: str
    entity: str
    currency: str
    language: str
    time_zone: str
    weight: int
    family: str
    phone: str  # a range set aside for fiction, or empty: contact data has gaps
    terms: tuple[tuple[str, int], ...]


_GERMAN = (("NET30", 34), ("NET14", 14), ("D2N30", 24), ("D3N45", 9), ("NET45", 6), ("EOM30", 7), ("INST50", 4))
_LATIN = (("NET30", 22), ("NET45", 20), ("NET60", 30), ("EOM30", 22), ("INST50", 6))
_NORTH = (("NET30", 52), ("NET14", 20), ("NET45", 12), ("EOM30", 10), ("D2N30", 6))
_BRITISH = (("NET30", 48), ("EOM30", 22), ("NET14", 10), ("NET60", 10), ("D2N30", 6), ("INST50", 4))
_AMERICAN = (("NET30", 46), ("D2N30", 22), ("NET45", 14), ("NET60", 14), ("INST50", 4))

COUNTRIES = (
    Country("DE", "DE01", "EUR", "de", "Europe/Berlin", 300, "german", "+49 30 23125 ", _GERMAN),
    Country("AT", "DE01", "EUR", "de", "Europe/Vienna", 50, "german", "", _GERMAN),
    Country("CH", "DE01", "EUR", "de", "Europe/Zurich", 40, "german", "", _GERMAN),
    Country("NL", "DE01", "EUR", "nl", "Europe/Amsterdam", 70, "dutch", "", _NORTH),
    Country("BE", "DE01", "EUR", "nl", "Europe/Brussels", 50, "dutch", "", _NORTH),
    Country("FR", "DE01", "EUR", "fr", "Europe/Paris", 85, "french", "+33 1 99 00 ", _LATIN),
    Country("IT", "DE01", "EUR", "it", "Europe/Rome", 65, "italian", "", _LATIN),
    Country("ES", "DE01", "EUR", "es", "Europe/Madrid", 50, "spanish", "", _LATIN),
    Country("PL", "DE01", "EUR", "pl", "Europe/Warsaw", 35, "polish", "", _NORTH),
    Country("CZ", "DE01", "EUR", "cs", "Europe/Prague", 25, "polish", "", _NORTH),
    Country("DK", "DE01", "EUR", "da", "Europe/Copenhagen", 15, "nordic", "", _NORTH),
    Country("SE", "DE01", "EUR", "sv", "Europe/Stockholm", 15, "nordic", "", _NORTH),
    Country("KW", "DE01", "KWD", "en", "Asia/Kuwait", 10, "gulf", "", _LATIN),
    Country("GB", "UK01", "GBP", "en", "Europe/London", 190, "english", "+44 1632 960", _BRITISH),
    Country("IE", "UK01", "GBP", "en", "Europe/Dublin", 20, "english", "", _BRITISH),
    Country("US", "US01", "USD", "en", "America/Chicago", 230, "english", "+1 312 555 01", _AMERICAN),
    Country("CA", "US01", "USD", "en", "America/Toronto", 25, "english", "+1 416 555 01", _AMERICAN),
    Country("MX", "US01", "USD", "es", "America/Mexico_City", 15, "spanish", "", _LATIN),
    Country("JP", "US01", "JPY", "en", "Asia/Tokyo", 15, "japanese", "", _NORTH),
)


def _words(text: str, separator: str = " ") -> tuple[str, ...]:
    return tuple(text.split(separator))


ROOTS: dict[str, tuple[str, ...]] = {
    "german": _words(
        "Altenmoor Birkwald Dornfels Eschbruck Falkenrode Grünhagen Hasselroth Immenried Jagsthof Kallwitz Lindhorst "
        "Mühlgrund Nordwald Oberlauf Pfaffenbach Quellberg Rabenstedt Süderhof Tannbruch Uhlenbrock Vossberg "
        "Wiesengrund Zellbrück Arnsfeld Brandhorst Carlsgrund Drosthagen Ebersloh Fuhrmoor Göllnitz Hohenlauch "
        "Kesselring Langwedel Mörsbrück Niedertal Ottersloh Ramshoff Schönwehr Trautenau Wöllstein"
    ),
    "english": _words(
        "Ashcombe Brackwell Calderby Dunmarsh Eastholme Fenwater Garrowby Haddlestone Ironbeck Kelmarsh Larkfield "
        "Marlstone Netherby Oakhurst Penhallow Quarrydale Ravensholt Stonebrook Thornwick Ullesby Verrington Wexcombe "
        "Yarrowdale Aldermere Blackfold Cedarline Driftwood Elkhorn Foxglen Granite Harrowgate Juniper Kingsley "
        "Lakemont Millrace Northgate Pinecrest Redwillow Silverton Timberline Westbrook"
    ),
    "dutch": _words(
        "Achterdijk Broekveld Duinzicht Eikenhof Grootkerk Heideland Kanaalzicht Lindeboom Meerdonk Noordpolder "
        "Oostwal Polderman Rietveen Schoutenhof Terwolde Veenstra Waterland Zandvliet"
    ),
    "french": _words(
        "Aubrevent Beaucheval Clairmarais Dervaux Entraigues Fontclair Granval Hautebise Jonquerie Lorvanne Montrelais "
        "Noirval Peyrolle Rochebrune Sauvigny Tourmaline Valdoré Vermeuil"
    ),
    "italian": _words(
        "Altavena Bellorini Casadoro Dellavento Fontanara Gherardi Lupinara Montelasco Novaterra Pietralta Roccaverde "
        "Sanvito Torrebruna Valdasco Verzani Zambrotti"
    ),
    "spanish": _words(
        "Altamira Bocanegra Castrillo Dosaguas Encinar Fuentelar Guadalmar Herradura Lomaverde Montesclaros Navalrío "
        "Peñalara Riofrío Sotomar Torrealta Valdeluz"
    ),
    "polish": _words(
        "Białobór Czarnolas Dębowiec Gościeszyn Jasnogród Kamionka Lipowiec Młynarz Nowodwór Orlica Polanka Rzeczna "
        "Sosnowy Wierzbica Zalesie"
    ),
    "nordic": _words("Askholm Björkfors Dalvik Elvestad Granlund Hedmark Klippan Ljungdal Nordhavn Strandby"),
    "japanese": _words("Aokawa Hinomori Kazehara Minatsu Nishigawa Ogisawa Sakurabe Takamine Yukishima"),
    "gulf": _words("Al-Mirqab Al-Rawda Burgan-Sahil Dasma-Noor Failaka Hawalli-Jadid Salmiya-Bahr"),
}
TRADES: dict[str, tuple[str, ...]] = {
    "german": _words(
        "Maschinenbau Hydraulik Fördertechnik Anlagenbau Werkzeugtechnik Antriebe Dichtungstechnik Landtechnik "
        "Verpackungsmaschinen Industriebedarf Stahlbau Lagertechnik Automation Pumpen"
    ),
    "english": _words(
        "Engineering,Hydraulics,Conveyors,Machine Works,Tooling,Power Transmission,Bearings,Packaging Systems,"
        "Industrial Supply,Fabrication,Pumps & Valves,Automation,Milling,Quarries",
        ",",
    ),
    "dutch": _words("Techniek Machinebouw Hydrauliek Transportsystemen Pompen Lagers Staalbouw"),
    "french": _words("Mécanique Hydraulique Convoyage Outillage Industrie Roulements Pompes"),
    "italian": _words("Meccanica Oleodinamica Trasmissioni Utensili Impianti Cuscinetti Pompe"),
    "spanish": _words("Maquinaria Hidráulica Transmisiones Herramientas Rodamientos Bombas Montajes"),
    "polish": _words("Maszyny Hydraulika Napędy Narzędzia Łożyska Pompy Technika"),
    "nordic": _words("Maskin Hydraulik Industri Verktyg Pump Teknik"),
    "japanese": ("Kikai", "Seiki", "Kogyo", "Precision", "Hydraulics"),
    "gulf": ("Industrial Trading", "Oilfield Services", "Contracting", "Marine Works"),
}
FORMS: dict[str, tuple[str, ...]] = {
    "DE": ("GmbH", "GmbH", "GmbH & Co. KG", "AG", "KG", "e.K."),
    "AT": ("GmbH", "GesmbH", "KG"),
    "CH": ("AG", "GmbH"),
    "NL": ("B.V.", "B.V.", "N.V."),
    "BE": ("NV", "BV"),
    "FR": ("SARL", "SAS", "SA"),
    "IT": ("S.r.l.", "S.p.A."),
    "ES": ("S.L.", "S.A."),
    "PL": ("Sp. z o.o.", "S.A."),
    "CZ": ("s.r.o.", "a.s."),
    "DK": ("ApS", "A/S"),
    "SE": ("AB",),
    "KW": ("W.L.L.", "K.S.C."),
    "GB": ("Ltd", "Ltd", "Limited", "plc"),
    "IE": ("Ltd", "DAC"),
    "US": ("Inc.", "LLC", "Corp.", "Co."),
    "CA": ("Inc.", "Ltd."),
    "MX": ("S.A. de C.V.",),
    "JP": ("Co., Ltd.", "K.K."),
}
FIRST_NAMES = _words(
    "Anna Ben Clara David Elena Felix Greta Hugo Ines Jonas Karla Leon Marta Nils Olga Paul Rosa Simon Tessa Viktor "
    "Wanda Yusuf Zoe Amir Bianca Cedric Dora Emil Fiona Gavin Hana Ivo"
)
LAST_NAMES = _words(
    "Abendroth Bexley Corvin Dahlmann Eastman Fairburn Gellner Hartwell Iversen Jansma Kowalke Lorimer Marchetti Novel "
    "Ostrander Pellegrin Quist Rademaker Sandoval Tillmann Underhay Valcour Wendling Yarrow Zeller Brandvold"
)

# How payers call things. Keys: invoice, customer, credit, discount (what was taken), deduction, month, order.
_ENGLISH = {
    "invoice": ("Invoice", "Inv", "INV.", "Invoices", ""),
    "customer": ("Cust", "Customer no", "Our account", "A/C"),
    "credit": ("less credit", "less CN"),
    "discount": ("less 2% disc", "prompt payment discount taken"),
    "deduction": ("less claim", "deducted damaged goods", "less short delivery"),
    "none": ("Payment", "Thank you", "See remittance advice", "Supplier payment", ""),
    "order": ("PO", "Order", "our order"),
    "to": ("to", "-"),
}
PHRASES: dict[str, dict[str, tuple[str, ...]]] = {
    "en": _ENGLISH,
    "de": {
        "invoice": ("Rechnung", "Rg.", "RG-Nr.", "Re.Nr.", ""),
        "customer": ("Kd-Nr", "Kundennr.", "KdNr."),
        "credit": ("abzgl. Gutschrift", "./. GS"),
        "discount": ("abz. Skonto", "./. 2% Skonto", "unter Abzug von Skonto"),
        "deduction": ("abzgl. Reklamation", "./. Fehlmenge", "Kürzung Preisdifferenz"),
        "none": ("Überweisung", "Danke", "siehe Avis", "Lieferantenzahlung", ""),
        "order": ("Best.", "Bestellung", "Ihre Lieferung zu"),
        "to": ("bis", "-"),
    },
    "fr": {
        "invoice": ("Facture", "Fact.", "FA"),
        "customer": ("Client", "Compte client"),
        "credit": ("moins avoir",),
        "discount": ("escompte déduit",),
        "deduction": ("litige déduit", "retenue"),
        "none": ("Virement", "Règlement fournisseur", ""),
        "order": ("Cde", "Commande"),
        "to": ("à", "-"),
    },
    "it": {
        "invoice": ("Fattura", "Fatt.", "Saldo fatt."),
        "customer": ("Cod. cliente",),
        "credit": ("meno nota credito",),
        "discount": ("sconto cassa",),
        "deduction": ("detratto reclamo",),
        "none": ("Bonifico", "Saldo", ""),
        "order": ("Ordine", "Ord."),
        "to": ("al", "-"),
    },
    "es": {
        "invoice": ("Factura", "Fra.", "Pago fra"),
        "customer": ("Cliente",),
        "credit": ("menos abono",),
        "discount": ("dto. pronto pago",),
        "deduction": ("menos reclamación",),
        "none": ("Transferencia", "Pago", ""),
        "order": ("Pedido",),
        "to": ("a", "-"),
    },
}


def phrases(language: str) -> dict[str, tuple[str, ...]]:
    """The words of a payer's language; English where there are none."""
    return PHRASES.get(language, _ENGLISH)
