"use strict";
// Writing: the server counts while one types, Ctrl+Enter sends, and a second press of a button sends nothing twice.
(() => {
  const text = document.getElementById("text"), output = document.getElementById("count"), send = document.getElementById("send");
  const WAIT_MS = 120;
  let timer = 0, asked = 0;

  async function count() {
    const mine = ++asked, body = new FormData();
    body.set("text", text.value);
    body.set("csrf_token", text.form.elements.csrf_token.value);
    try {
      const answer = await fetch(output.dataset.count, {method: "POST", body});
      if (!answer.ok || mine !== asked) return;
      const found = await answer.json();
      output.textContent = found.text;
      output.className = found.tone;
    } catch (error) { /* the server counts again when it is sent */ }
  }

  if (text && output) {
    text.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(count, WAIT_MS); });
    text.addEventListener("keydown", event => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && send) { event.preventDefault(); send.click(); }
    });
    if (text.value) count();
    if (location.hash === "#end" && matchMedia("(min-width: 52rem)").matches) text.focus();
  }

  document.addEventListener("submit", event => {
    const form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    setTimeout(() => { delete form.dataset.sent; }, 4000);
  });
})();
