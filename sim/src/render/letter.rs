//! What people write in a message: greeting, sentences, farewell, signature, and the mails before it, quoted.
//!
//! One letter is written up to four times: as text and as HTML, whole and stripped of signature and quotes. HTML looks
//! like that of the mail programs customers use, whose templates weigh more than what is said in them.

use super::View;
use crate::dice::Dice;
use crate::json::Out;
use crate::model::Message;
use crate::prose::Language;
use crate::render::Of;
use crate::text::{AGENTS, FIRST};

/// How a mail program writes; everything is JSON already.
#[derive(Debug)]
pub(crate) struct Markup {
    open: &'static str,
    /// Between two paragraphs.
    paragraph: &'static str,
    signature: &'static str,
    end_of_signature: &'static str,
    /// Before and after "… wrote", and after the quoted mail.
    quote: [&'static str; 3],
    close: &'static str,
}

const TEXT: Markup = Markup {
    open: "",
    paragraph: "\\n\\n",
    signature: "\\n-- \\n",
    end_of_signature: "",
    quote: ["\\n\\n", "\\n\\n> ", ""],
    close: "",
};
/// Text of a mail that is quoted.
const QUOTED: &str = "\\n>\\n> ";

/// A web mailer, a phone, an office suite, a shop's own notification, and the help desk's editor.
const PROGRAMS: [Markup; 5] = [
    Markup {
        open: "<div dir=\\\"ltr\\\">",
        paragraph: "</div><div><br></div><div>",
        signature: "<br clear=\\\"all\\\"><div><br></div><span class=\\\"gmail_signature_prefix\\\">-- </span><br><div dir=\\\"ltr\\\" class=\\\"gmail_signature\\\" data-smartmail=\\\"gmail_signature\\\">",
        end_of_signature: "</div>",
        quote: [
            "<br><div class=\\\"gmail_quote gmail_quote_container\\\"><div dir=\\\"ltr\\\" class=\\\"gmail_attr\\\">",
            "<br></div><blockquote class=\\\"gmail_quote\\\" style=\\\"margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex\\\"><div>",
            "</div></blockquote></div>",
        ],
        close: "</div>\\r\\n",
    },
    Markup {
        open: "<html><head><meta http-equiv=\\\"content-type\\\" content=\\\"text/html; charset=utf-8\\\"></head><body dir=\\\"auto\\\"><div>",
        paragraph: "</div><div><br></div><div>",
        signature: "<br id=\\\"lineBreakAtBeginningOfSignature\\\"><div dir=\\\"ltr\\\">",
        end_of_signature: "</div>",
        quote: [
            "<div dir=\\\"ltr\\\"><br><blockquote type=\\\"cite\\\">",
            "<br><br></blockquote></div><blockquote type=\\\"cite\\\"><div dir=\\\"ltr\\\">",
            "</div></blockquote>",
        ],
        close: "</div></body></html>",
    },
    Markup {
        open: "<html xmlns:v=\\\"urn:schemas-microsoft-com:vml\\\" xmlns:o=\\\"urn:schemas-microsoft-com:office:office\\\" xmlns:w=\\\"urn:schemas-microsoft-com:office:word\\\">\\r\\n<head>\\r\\n<meta name=\\\"Generator\\\" content=\\\"Microsoft Word 15 (filtered medium)\\\">\\r\\n<style><!--\\r\\n/* Font Definitions */\\r\\n@font-face\\r\\n\\t{font-family:\\\"Cambria Math\\\";\\r\\n\\tpanose-1:2 4 5 3 5 4 6 3 2 4;}\\r\\n@font-face\\r\\n\\t{font-family:Calibri;\\r\\n\\tpanose-1:2 15 5 2 2 2 4 3 2 4;}\\r\\n/* Style Definitions */\\r\\np.MsoNormal, li.MsoNormal, div.MsoNormal\\r\\n\\t{margin:0in;\\r\\n\\tfont-size:11.0pt;\\r\\n\\tfont-family:\\\"Calibri\\\",sans-serif;}\\r\\na:link, span.MsoHyperlink\\r\\n\\t{mso-style-priority:99;\\r\\n\\tcolor:#0563C1;\\r\\n\\ttext-decoration:underline;}\\r\\n@page WordSection1\\r\\n\\t{size:8.5in 11.0in;\\r\\n\\tmargin:1.0in 1.0in 1.0in 1.0in;}\\r\\ndiv.WordSection1\\r\\n\\t{page:WordSection1;}\\r\\n--></style>\\r\\n</head>\\r\\n<body lang=\\\"EN-US\\\" link=\\\"#0563C1\\\" vlink=\\\"#954F72\\\" style=\\\"word-wrap:break-word\\\">\\r\\n<div class=\\\"WordSection1\\\">\\r\\n<p class=\\\"MsoNormal\\\">",
        paragraph: "<o:p></o:p></p>\\r\\n<p class=\\\"MsoNormal\\\"><o:p>&nbsp;</o:p></p>\\r\\n<p class=\\\"MsoNormal\\\">",
        signature: "<o:p></o:p></p>\\r\\n<p class=\\\"MsoNormal\\\"><span style=\\\"font-size:10.0pt;color:#44546A\\\">",
        end_of_signature: "</span>",
        quote: [
            "<o:p></o:p></p>\\r\\n<div style=\\\"border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0in 0in 0in\\\">\\r\\n<p class=\\\"MsoNormal\\\"><b>",
            "</b><o:p></o:p></p>\\r\\n</div>\\r\\n<p class=\\\"MsoNormal\\\">",
            "",
        ],
        close: "<o:p></o:p></p>\\r\\n</div>\\r\\n</body>\\r\\n</html>\\r\\n",
    },
    Markup {
        open: "<!DOCTYPE html><html><head><title>Order</title><style>body{margin:0}.container{width:560px;text-align:left;margin:0 auto}.content__cell{padding-bottom:40px;border-width:0}.button__cell{border-radius:4px;background:#1990c6}@media (max-width:600px){.container{width:94%!important}}</style></head><body style=\\\"margin:0\\\"><table class=\\\"body\\\" style=\\\"height:100%!important;width:100%!important;border-spacing:0;border-collapse:collapse\\\"><tr><td style=\\\"font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,sans-serif\\\"><table class=\\\"container\\\"><tr><td><p style=\\\"color:#777;line-height:150%;font-size:16px;margin:0\\\">",
        paragraph: "</p></td></tr><tr><td class=\\\"content__cell\\\"><p style=\\\"color:#777;line-height:150%;font-size:16px;margin:0\\\">",
        signature: "</p></td></tr><tr><td class=\\\"footer__cell\\\" style=\\\"padding:35px 0\\\"><p style=\\\"color:#999;line-height:150%;font-size:14px;margin:0\\\">",
        end_of_signature: "",
        quote: ["</p><blockquote><p>", "</p><p>", "</p></blockquote><p>"],
        close: "</p></td></tr></table></td></tr></table></body></html>",
    },
    Markup {
        open: "<div>",
        paragraph: "</div><div><br></div><div>",
        signature: "<div><br></div><div>",
        end_of_signature: "</div>",
        quote: ["<br><blockquote>", "<br>", "</blockquote>"],
        close: "</div>",
    },
];

/// Agents answer with macros, word for word the same.
const MACROS: [&str; 6] = [
    "Thank you for reaching out to us! I would be happy to look into this for you. ",
    "I am so sorry for the inconvenience this has caused. Our warehouse ships every order within two business days, and you will receive a tracking link by email as soon as the parcel is on its way. ",
    "You can start a return at any time within 30 days of delivery in our returns portal. Please make sure that the item is unworn and that all tags are attached. ",
    "I have just issued the refund to your original payment method. Depending on your bank it takes between five and ten business days until it shows up on your statement. ",
    "Could you please send us a photo of the item and of the packaging, so that we can open a claim with the carrier? ",
    "If there is anything else we can do for you, just reply to this email and we will get right back to you. ",
];

/// What is written, and in which dress.
#[derive(Debug)]
pub(crate) struct Letter {
    /// Names and signature.
    frame: Dice,
    /// What is said: a later mail that quotes it says the same.
    words: Dice,
    language: &'static Language,
    from_agent: bool,
    /// Bytes of what is said, about.
    own: usize,
    /// Bytes of quoted mails, about; 0 for none.
    quoted: usize,
    place: u64,
    thread: Dice,
    program: &'static Markup,
}

impl Letter {
    /// The letter of a message whose whole text is about `length` bytes long.
    pub(crate) fn of(view: View<'_>, row: &Message, length: usize, email: bool) -> Letter {
        let mut shape = view.dice(Of::Letter, row.id, row.rev);
        let thread = view.dice(Of::Thread, row.thread, 0);
        let answers = email && row.place > 0 && shape.below(10) < 8;
        let program = match (row.from_agent, email) {
            (true, _) | (_, false) => 4,
            _ => *shape.pick(&[0, 0, 0, 0, 1, 1, 1, 2, 2, 3]),
        };
        let place = u64::from(row.place);
        Letter {
            frame: shape,
            words: if row.rev == 0 { at(thread, place) } else { shape },
            language: Language::of(thread),
            from_agent: row.from_agent,
            own: if answers { length * 2 / 5 } else { length },
            quoted: if answers { length * 3 / 5 } else { 0 },
            place,
            thread,
            program: &PROGRAMS[program],
        }
    }

    pub(crate) fn text(&self, out: &mut Out, whole: bool) {
        self.write(out, &TEXT, whole);
    }

    pub(crate) fn html(&self, out: &mut Out, whole: bool) {
        self.write(out, self.program, whole);
    }

    fn write(&self, out: &mut Out, markup: &Markup, whole: bool) {
        let (mut dice, mut words) = (self.frame, self.words);
        out.raw(if whole || markup.open.len() < 30 { markup.open } else { "<div>" });
        out.word(&self.language.greeting).raw(" ");
        if self.from_agent {
            out.word(dice.pick(&FIRST));
        } else {
            out.raw(dice.pick(AGENTS).0);
        }
        out.raw(",").raw(markup.paragraph);
        said(out, self.language, &mut words, markup.paragraph, self.own, self.from_agent);
        out.raw(markup.paragraph).word(&self.language.farewell).raw(markup.paragraph);
        let name = if self.from_agent { None } else { Some(dice.pick(&FIRST)) };
        match name {
            Some(name) => out.word(name),
            None => out.raw(dice.pick(AGENTS).0),
        };
        if whole {
            signature(out, markup, &mut dice, self.from_agent);
            if self.quoted > 0 {
                self.quotes(out, markup);
            }
        }
        out.raw(if whole || markup.open.len() < 30 { markup.close } else { "</div>" });
    }

    /// The mails before this one, newest first, as far as there is room.
    fn quotes(&self, out: &mut Out, markup: &Markup) {
        let end = out.len() + self.quoted;
        let mut place = self.place;
        while place > 0 && out.len() < end {
            place -= 1;
            let (mut dice, mut words) = (self.frame, at(self.thread, place));
            out.raw(markup.quote[0]).raw("On Wed, Aug 26, 2026 at ");
            out.int(1 + i64::try_from(place % 12).unwrap_or(0)).raw(":46 AM ");
            out.word(dice.pick(&FIRST)).raw(" &lt;k3x9@inbox.example&gt; wrote:").raw(markup.quote[1]);
            let between = if markup.open.is_empty() { QUOTED } else { markup.paragraph };
            let room = (end.saturating_sub(out.len())).min(150 + dice.below(900));
            said(out, self.language, &mut words, between, room, place % 2 == 1);
            out.raw(markup.quote[2]);
        }
    }
}

/// The dice of what was said at one place of a conversation: a quote repeats it.
fn at(thread: Dice, place: u64) -> Dice {
    let mut thread = thread;
    Dice::of([thread.next(), place, 0, 0])
}

/// About so many bytes of sentences, in paragraphs.
fn said(
    out: &mut Out,
    language: &Language,
    dice: &mut Dice,
    paragraph: &str,
    length: usize,
    from_agent: bool,
) {
    let end = out.len() + length;
    loop {
        if from_agent && dice.below(2) == 0 {
            out.raw(dice.text(&MACROS));
        } else {
            language.sentence(out, dice);
        }
        if out.len() >= end {
            return;
        }
        if dice.below(4) == 0 {
            out.raw(paragraph);
        }
    }
}

fn signature(out: &mut Out, markup: &Markup, dice: &mut Dice, from_agent: bool) {
    let Some(lines) = lines(dice, from_agent) else { return };
    let between = if markup.open.is_empty() { "\\n" } else { "<br>" };
    out.raw(markup.signature);
    for (n, line) in lines.iter().enumerate() {
        out.raw(if n > 0 { between } else { "" }).raw(line);
    }
    out.raw(markup.end_of_signature);
}

/// The lines of a signature; half of the customers have none.
fn lines(dice: &mut Dice, from_agent: bool) -> Option<&'static [&'static str]> {
    if from_agent {
        return Some(&[
            "Customer Care, Acme Help",
            "Mon-Fri 9-18h CET, acme.example/help",
            "Follow us: @acme",
        ]);
    }
    match dice.below(8) {
        0 | 1 => Some(&["Sent from my phone"]),
        2 => Some(&["Get the mail app for your phone"]),
        3 => Some(&[
            "Example Trading Ltd, 12 High Street, London",
            "This message is confidential and meant for the person it is addressed to. If you have received it in error, please let us know and delete it.",
        ]),
        _ => None,
    }
}
