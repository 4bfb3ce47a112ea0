"""The words of the village's pages, in English and Arabic."""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES: Mapping[str, str] = {"en": "English", "ar": "العربية"}
RIGHT_TO_LEFT = frozenset({"ar"})

_WORDS: Mapping[str, tuple[str, str]] = {
    "village": ("The village", "القرية"),
    "start": ("Start", "البداية"),
    "weather": ("Weather", "الطقس"),
    "skip": ("Skip to content", "انتقل إلى المحتوى"),
    "language": ("Language", "اللغة"),
    "lead": (
        "People text one number. The box in the field receives it, even without internet. "
        "The hub at head office follows when there is a line.",
        "يرسل الناس رسائل إلى رقم واحد. يستقبلها الجهاز في الميدان حتى بلا إنترنت. "
        "ويتابعها المركز الرئيسي عندما يتوفر اتصال.",
    ),
    "simulated": (
        "Everything here is simulated. No real SMS is sent, and it costs nothing.",
        "كل شيء هنا محاكاة. لا تُرسل أي رسالة حقيقية ولا يكلف ذلك شيئًا.",
    ),
    "phones": ("1. A villager's phone", "1. هاتف أحد القرويين"),
    "phones_say": (
        "Choose a phone and be that person.",
        "اختر هاتفًا وتصرّف كأنك صاحبه.",
    ),
    "all_phones": ("All phones", "كل الهواتف"),
    "other_phone": ("Another number", "رقم آخر"),
    "open_phone": ("Open phone", "افتح الهاتف"),
    "box": ("2. The box", "2. الجهاز"),
    "box_say": (
        "It stands in the field with a modem. Staff answer on its page.",
        "يوجد في الميدان ومعه مودم. يجيب الموظفون من صفحته.",
    ),
    "hub": ("3. The hub", "3. المركز"),
    "hub_say": (
        "Head office sees the same conversations and can answer too.",
        "يرى المكتب الرئيسي المحادثات نفسها ويستطيع الرد أيضًا.",
    ),
    "open_box": ("Open the box", "افتح الجهاز"),
    "open_hub": ("Open the hub", "افتح المركز"),
    "user": ("Name", "الاسم"),
    "password": ("Password", "كلمة السر"),
    "hotline": ("Hotline number", "رقم الخط الساخن"),
    "not_ready": ("It is still starting. Look again in a moment.", "ما زال قيد التشغيل. انظر بعد لحظة."),
    "by_sms": ("SMS", "رسائل قصيرة"),
    "by_link": ("Internet link", "خط الإنترنت"),
    "try": ("Try this", "جرّب هذا"),
    "try1": (
        "Open the box and log in. Villagers are already writing.",
        "افتح الجهاز وسجّل الدخول. القرويون يكتبون بالفعل.",
    ),
    "try2": (
        "Open a phone and text the hotline. The box shows it at once.",
        "افتح هاتفًا وأرسل إلى الخط الساخن. يظهر ذلك في الجهاز فورًا.",
    ),
    "try3": (
        "Answer on the box. Watch it arrive on the phone.",
        "أجب من الجهاز وشاهد الرسالة تصل إلى الهاتف.",
    ),
    "try4": (
        "Cut the link and go on talking. Restore it: the hub catches up.",
        "اقطع الخط وواصل المحادثة. أعده وسيلحق المركز بكل شيء.",
    ),
    "link": ("The link between box and hub", "الخط بين الجهاز والمركز"),
    "link_ok": ("The link works", "الخط يعمل"),
    "link_cut": ("The link is cut", "الخط مقطوع"),
    "link_2g": ("The link is slow (2G)", "الخط بطيء (2G)"),
    "link_none": ("This village has no link.", "لا خط في هذه القرية."),
    "cut": ("Cut it", "اقطعه"),
    "slow": ("Make it slow", "اجعله بطيئًا"),
    "restore": ("Restore it", "أعده"),
    "messages": ("Messages", "الرسائل"),
    "latest": ("Latest messages", "آخر الرسائل"),
    "nothing": ("No messages yet.", "لا رسائل بعد."),
    "phone_of": ("Phone of", "هاتف"),
    "phone": ("Phone", "هاتف"),
    "on": ("This phone is on", "هذا الهاتف مفتوح"),
    "off": ("This phone is off", "هذا الهاتف مغلق"),
    "switch_off": ("Switch off", "أغلق الهاتف"),
    "switch_on": ("Switch on", "افتح الهاتف"),
    "to": ("To", "إلى"),
    "text": ("Message", "الرسالة"),
    "send": ("Send", "إرسال"),
    "call": ("Let it ring", "اتصل قليلًا"),
    "sent": ("sent", "أُرسلت"),
    "arrived": ("arrived", "وصلت"),
    "parts": ("SMS", "رسائل"),
    "empty_phone": ("Nothing here yet. Write to the hotline.", "لا شيء هنا بعد. اكتب إلى الخط الساخن."),
    "weather_say": (
        "Make the network or the modem fail, and watch what the box does.",
        "عطّل الشبكة أو المودم، وشاهد ماذا يفعل الجهاز.",
    ),
    "fine": ("Fine weather", "طقس جيد"),
    "apply": ("Change the weather", "غيّر الطقس"),
    "never": ("never", "أبدًا"),
    "once": ("the next time", "المرة القادمة"),
    "sometimes": ("one in five", "مرة من كل خمس"),
    "always": ("always", "دائمًا"),
    "now": ("now", "الآن"),
    "network": ("The network", "الشبكة"),
    "modem": ("The modem", "المودم"),
    "power": ("Cut its power for 3 seconds", "اقطع عنه الكهرباء 3 ثوانٍ"),
    "powered_off": ("without power", "بلا كهرباء"),
    "modem_ready": ("on the network", "على الشبكة"),
    "modem_away": ("not on the network", "ليس على الشبكة"),
    "sim_use": ("Messages on its SIM", "رسائل على الشريحة"),
    "back": ("Back to the start", "العودة إلى البداية"),
    "not_done": ("This did not work", "لم ينجح ذلك"),
    "f_loss": ("A message is lost on its way", "تضيع رسالة في الطريق"),
    "f_duplicate": ("A message arrives twice", "تصل رسالة مرتين"),
    "f_reorder": ("A message is overtaken by others", "تسبق رسائلُ أخرى رسالةً"),
    "f_delay_s": ("Delay in seconds", "تأخير بالثواني"),
    "f_report_loss": ("A delivery report is lost", "يضيع تقرير وصول"),
    "f_cms_error": ("The network refuses to take a message", "ترفض الشبكة أخذ رسالة"),
    "f_hang_after": (
        "It falls silent after so many commands (empty: never)",
        "يصمت بعد هذا العدد من الأوامر (فارغ: أبدًا)",
    ),
    "f_hang_during_cmgs": ("It falls silent while sending", "يصمت أثناء الإرسال"),
    "f_drop_answer": ("It sends, but does not say so", "يرسل ولا يخبر بذلك"),
    "f_answer_then_die": ("It sends, then loses power", "يرسل ثم تنقطع عنه الكهرباء"),
    "f_urc_noise": ("It talks in between", "يتكلم بين الأجوبة"),
    "f_garbage": ("Noise on its line", "تشويش على خطه"),
    "f_sim_full": ("The SIM is full", "الشريحة ممتلئة"),
    "f_registration": ("Registration", "التسجيل في الشبكة"),
    "f_credit": ("Messages the SIM can still pay (empty: no limit)", "رسائل يكفي لها الرصيد (فارغ: بلا حد)"),
    "f_unplug": ("Its cable is pulled", "كابله مفصول"),
    "r_home": ("at home", "شبكته"),
    "r_roaming": ("roaming", "تجوال"),
    "r_searching": ("searching", "يبحث"),
    "r_denied": ("denied", "مرفوض"),
    "r_none": ("not searching", "لا يبحث"),
    "r_unknown": ("unknown", "غير معروف"),
}


def say(language: str, key: str) -> str:
    """The word for ``key`` in a language of LANGUAGES; raises KeyError for a key nobody wrote."""
    return _WORDS[key][1 if language == "ar" else 0]
