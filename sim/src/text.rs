//! Text fragments of customer service, in many scripts and with the characters that break careless software.
//!
//! Fragments are escaped once, in both forms a Python server sends; rendering a row is then copying bytes.

use std::sync::LazyLock;

use crate::json::escape;

/// A fragment, ready to stand inside a JSON string.
#[derive(Debug)]
pub(crate) struct Word {
    pub(crate) plain: String,
    pub(crate) ascii: String,
}

impl Word {
    /// The fragment in both forms.
    pub(crate) fn of(text: &str) -> Word {
        Word { plain: escape(text, false), ascii: escape(text, true) }
    }
}

fn words(texts: &[&str]) -> Vec<Word> {
    texts.iter().map(|text| Word::of(text)).collect()
}

pub(crate) static FIRST: LazyLock<Vec<Word>> = LazyLock::new(|| {
    words(&[
        "Anna",
        "Björn",
        "Chloé",
        "Dmitri",
        "Émile",
        "Fátima",
        "Giulia",
        "Håkon",
        "Inés",
        "José",
        "Kwame",
        "Łukasz",
        "Maria",
        "Noor",
        "O\"Neil",
        "Priya",
        "Quentin",
        "René",
        "Søren",
        "Tomás",
        "Uğur",
        "Véronique",
        "Wei",
        "玲奈",
        "Юлия",
        "محمد",
        "שרה",
        "Zoë 🌸",
    ])
});

pub(crate) static LAST: LazyLock<Vec<Word>> = LazyLock::new(|| {
    words(&[
        "Andersson",
        "Bianchi",
        "Çelik",
        "D'Angelo",
        "Eriksen",
        "Fernández",
        "García-López",
        "Huang",
        "Ivanova",
        "Jones",
        "Kowalski",
        "Lefèvre",
        "Müller",
        "Nguyễn",
        "O'Brien",
        "Papadopoulos",
        "Quist",
        "Rossi",
        "Smith",
        "Tanaka",
        "Ümit",
        "van der Berg",
        "Weiß",
        "Xu",
        "Yılmaz",
        "Zhang",
        "田中",
        "Петрова",
        "back\\slash",
    ])
});

pub(crate) static SUBJECTS: LazyLock<Vec<Word>> = LazyLock::new(|| {
    words(&[
        "Where is my order?",
        "Re: Your order has shipped 📦",
        "Refund request",
        "Wrong size – exchange possible?",
        "Größe passt nicht",
        "¿Dónde está mi pedido?",
        "Question about \"Summer Sale\"",
        "注文についてのお問い合わせ",
        "שאלה לגבי ההזמנה שלי",
        "طلب استرجاع",
        "Colis abîmé à l'arrivée 😡",
        "Fwd: Fwd: RE: invoice\tmissing",
        "Cancel my subscription",
        "Discount code not working",
        "Track & trace <unknown>",
        "Nouveau message",
    ])
});

pub(crate) static SENTENCES: LazyLock<Vec<Word>> = LazyLock::new(|| {
    words(&[
        "Hello, I placed an order last week and have not received any shipping confirmation yet. ",
        "Could you please check the status for me? The tracking page only says \"label created\". ",
        "Thanks a lot for your quick answer, I really appreciate the help! 🙏🏽 ",
        "I have attached a picture of the damaged parcel, the box was open on one side and two items were missing. ",
        "Merci beaucoup pour votre aide, j'attends votre réponse avec impatience — à bientôt. ",
        "Das Paket ist leider beschädigt angekommen, bitte schicken Sie mir ein Rücksendeetikett für beide Artikel. ",
        "Hola, el código de descuento no funciona y mañana termina la promoción. ¿Me pueden ayudar? ",
        "先週注文した商品がまだ届いていません。配送状況を教えていただけますでしょうか。よろしくお願いいたします。",
        "请问我的订单什么时候可以发货？我已经等了一个多星期了，非常着急。",
        "שלום, עדיין לא קיבלתי את ההזמנה שלי ואשמח לדעת מתי היא תגיע. ",
        "مرحبا، لم يصلني الطلب بعد وأرغب في استرجاع المبلغ من فضلكم. ",
        "We have refunded the full amount to your card; it can take 5–10 business days until it shows up. ",
        "As a small apology here is 15% off your next purchase with the code SORRY15 🎁 valid for thirty days. ",
        "The file is under C:\\Users\\support\\orders and the log says \"permission denied\".\n",
        "A line that ends in a separator\u{2028}and one in a paragraph separator\u{2029}must survive. ",
        "Family emoji 👨‍👩‍👧‍👦, flags 🇫🇷🇯🇵, a skin tone 👍🏿 and a combining é have to come through unchanged. ",
        "Tab\tseparated\tvalues, a carriage return\r\nand a bell \u{7} are rare but they do occur. ",
        "Our warehouse team confirmed that the replacement leaves tomorrow morning with express delivery. ",
        "Please let me know whether you prefer an exchange, store credit or your money back. ",
        "My order number is 100234 and it was shipped to 12 Rue de l'Église, 75015 Paris. ",
        "Sent from my phone, please excuse typos and brevity. ",
        "Пожалуйста, сообщите, когда будет отправлен мой заказ, я жду уже две недели. ",
        "I would like to change the delivery address before the order is shipped, is that still possible today? ",
        "The zip is stuck, the colour differs from the photo and the size chart is off by at least one size. ",
    ])
});

/// Free channel slugs beside the known ones: `channel` is open-ended.
pub(crate) const CHANNELS: &[&str] = &[
    "email",
    "email",
    "email",
    "email",
    "chat",
    "chat",
    "contact_form",
    "facebook-messenger",
    "instagram-direct-message",
    "phone",
    "api",
    "sms",
    "whatsapp",
    "tiktok-shop-v2",
];

/// Plain ASCII, with room between the rows for markup.
pub(crate) const INTENTS: &[&str] = &[
    "order/status",
    "order/cancel",
    "refund/request",
    "shipping/change",
    "other/question",
    "other/thanks",
    "feedback",
];

pub(crate) const TAGS: &[&str] = &[
    "vip",
    "refund",
    "shipping",
    "urgent",
    "Wholesale",
    "wholesale",
    "auto-close",
    "sample ticket",
    "non-support-related",
    "order-status",
    "sentiments-positive",
    "sentiments-threatening",
    "rückgabe",
    "要対応",
    "🔥 hot",
    "return/exchange",
    "discount",
    "damaged",
    "lost in transit",
    "influencer",
];

pub(crate) const AGENTS: &[(&str, &str)] = &[
    ("Gorgias", "Bot"),
    ("Helpdesk", "Bot"),
    ("Olivia", "Berg"),
    ("Mateo", "Ruiz"),
    ("Yuki", "Sato"),
    ("Amélie", "Roux"),
    ("Sam", "O'Hara"),
    ("Ngozi", "Okafor"),
    ("Lena", "Weiß"),
    ("Igor", "Petrov"),
];
