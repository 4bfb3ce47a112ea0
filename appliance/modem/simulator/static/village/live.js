// Keeps every [data-live] part of a page as the server has it, once a second while the page is looked at.
"use strict";
document.querySelector(".thread")?.scrollTo(0, 1e9);
for (const part of document.querySelectorAll("[data-live]")) {
  let shown = null;
  // The page may be older than the first answer: that one is compared as the browser would write it.
  const differs = (text) => {
    if (shown !== null) return text !== shown;
    const fresh = document.createElement("div");
    fresh.innerHTML = text;
    return fresh.innerHTML.trim() !== part.innerHTML.trim();
  };
  const refresh = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(part.dataset.live, { headers: { Accept: "text/html" } });
        const text = answer.ok ? await answer.text() : shown;
        if (text !== null && differs(text)) {
          const open = part.querySelector("details")?.open;
          const focus = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
          part.innerHTML = text;
          const details = part.querySelector("details");
          if (open && details) details.open = true;
          if (focus) part.querySelector(`a[href="${CSS.escape(focus)}"]`)?.focus();
          part.querySelector(".thread")?.scrollTo(0, 1e9);
        }
        shown = text;
      } catch {
        // The village restarts: the next try finds it again.
      }
    }
    setTimeout(refresh, 1000);
  };
  refresh();
}
