"use strict";
// Keeps the parts of a page marked data-live as they are on the server. One stream per browser: the tab that holds
// the lease listens and tells the others; a hidden tab neither listens nor holds it. Without a stream: asks each 15 s.
(() => {
  const STREAM = "/api/v1/events", TOPICS = ["message", "conversation", "contact", "modem", "link", "reset"];
  const LEASE = "fieldbox.stream", LEASE_MS = 5000, BEAT_MS = 1500, POLL_MS = 15000, RETRY_MS = 60000, GATHER_MS = 40;
  const me = Date.now().toString(36) + Math.random().toString(36).slice(2);
  const title = document.title, lost = document.getElementById("lost");
  const parts = [...document.querySelectorAll("[data-live]")].map(box => ({box, dirty: false, busy: false}));
  const channel = "BroadcastChannel" in window ? new BroadcastChannel("fieldbox") : null;
  let stream = null, refusedAt = 0, timer = 0, over = false;

  // --- showing ---

  function morph(old, fresh) {
    let at = old.firstElementChild;
    for (const child of [...fresh.children]) {
      const known = child.id && [...old.children].find(each => each.id === child.id);
      if (!known) { old.insertBefore(child, at); continue; }
      if (known === at) at = at.nextElementSibling; else old.insertBefore(known, at);
      if (known.outerHTML === child.outerHTML) continue;
      if (known.hasAttribute("data-keyed")) morph(known, child); else known.replaceWith(child);
    }
    while (at) { const next = at.nextElementSibling; at.remove(); at = next; }
  }

  function show(box, html) {
    const focused = document.activeElement, id = box.contains(focused) ? focused.id || (focused.closest("[id]") || {}).id : "";
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    morph(box, fresh.content);
    if (id && document.activeElement === document.body) {
      const again = document.getElementById(id);
      if (again) (again.matches("a,button,[tabindex]") ? again : again.querySelector("a,button") || again).focus({preventScroll: true});
    }
    count();
  }

  function count() {
    const chip = document.getElementById("chip"), waiting = chip ? Number(chip.dataset.waiting) : 0;
    const name = (waiting ? "(" + waiting + ") " : "") + title;
    if (document.title !== name) document.title = name;
  }

  async function refresh(part) {
    if (over) return;
    if (part.busy) { part.dirty = true; return; }
    part.busy = true;
    part.dirty = false;
    try {
      const answer = await fetch(part.box.dataset.live, {headers: {Accept: "text/html"}, redirect: "manual", cache: "no-store"});
      if (answer.status === 401) { ended(); return; }
      if (answer.ok) show(part.box, await answer.text());
      if (lost) lost.hidden = answer.ok;
    } catch (error) {
      if (lost && document.visibilityState === "visible") lost.hidden = false;
    } finally {
      part.busy = false;
    }
    if (part.dirty) refresh(part);
  }

  // The session is over: to the login page, unless something is being written, which the login then carries along.
  function ended() {
    const text = document.getElementById("text"), note = document.getElementById("ended");
    if (!text || !text.value) { location.reload(); return; }
    over = true;
    stop();
    note.hidden = false;
  }

  function refreshAll() { parts.forEach(part => refresh(part)); }

  function changed(topic, conversation) {
    for (const part of parts) {
      const only = part.box.dataset.conversation;
      if (!only || only === conversation || topic === "reset") part.dirty = true;
    }
    clearTimeout(timer);
    timer = setTimeout(() => parts.filter(part => part.dirty && !part.busy).forEach(refresh), GATHER_MS);
  }

  // --- listening ---

  function lease() {
    try { return JSON.parse(localStorage.getItem(LEASE)) || {}; } catch (error) { return {}; }
  }

  function hold(until) {
    try { localStorage.setItem(LEASE, JSON.stringify({by: me, until})); } catch (error) { /* then each tab listens for itself */ }
  }

  function listen() {
    if (stream || over || Date.now() - refusedAt < RETRY_MS) return;
    stream = new EventSource(STREAM);
    stream.onopen = () => { refusedAt = 0; refreshAll(); tell({open: true}); };
    stream.onerror = () => {
      if (stream && stream.readyState === EventSource.CLOSED) { stop(); refusedAt = Date.now(); }
      refreshAll();
    };
    for (const topic of TOPICS) stream.addEventListener(topic, event => {
      let data = {};
      try { data = JSON.parse(event.data); } catch (error) { /* shown by the next change */ }
      changed(topic, data.conversation);
      tell({topic, conversation: data.conversation});
    });
  }

  function stop() {
    if (stream) stream.close();
    stream = null;
  }

  function tell(what) { if (channel) channel.postMessage(what); }

  function beat() {
    if (document.visibilityState !== "visible") return;
    const now = Date.now(), held = lease();
    const free = !held.by || held.by === me || !(held.until > now) || held.until > now + 2 * LEASE_MS;
    if (channel && !free) { stop(); return; }
    hold(now + LEASE_MS);
    listen();
  }

  function leave() {
    stop();
    if (lease().by === me) hold(0);
  }

  function poll() {
    if (document.visibilityState === "visible" && refusedAt) { refreshAll(); tell({topic: "reset"}); }
  }

  if (channel) channel.onmessage = event => {
    if (document.visibilityState !== "visible") return;
    if (event.data.open) refreshAll(); else changed(event.data.topic, event.data.conversation);
  };
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "visible") { leave(); return; }
    refreshAll();
    beat();
  });
  addEventListener("pagehide", leave);
  addEventListener("pageshow", event => { if (event.persisted) { refreshAll(); beat(); } });
  setInterval(beat, BEAT_MS);
  setInterval(poll, POLL_MS);
  count();
  beat();
})();
