// Replaces the parts of a page that are marked data-live, once the server says that something changed,
// and loads a page that is marked data-soon again after a second. Focuses the summary of a refused form.
// Without this script a person loads the page again.
"use strict";

document.getElementById("errors")?.focus();

(() => {
  if (document.querySelector("[data-soon]") !== null) {
    window.setTimeout(() => window.location.reload(), 1000);
    return;
  }
  const parts = () => document.querySelectorAll("[data-live][id]");
  if (parts().length === 0 || !("EventSource" in window)) {
    return;
  }
  const watching = new EventSource("/live");
  let wanted = false;
  let loading = false;

  const inUse = (part) => part.contains(document.activeElement) && document.activeElement !== document.body;

  const refresh = async () => {
    if (loading) {
      wanted = true;
      return;
    }
    loading = true;
    try {
      const answer = await fetch(window.location.href, { credentials: "same-origin", headers: { accept: "text/html" } });
      if (answer.status === 401) {
        watching.close();
        return;
      }
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of parts()) {
          const next = fresh.getElementById(part.id);
          if (next !== null && !inUse(part) && next.innerHTML !== part.innerHTML) {
            part.replaceWith(document.adoptNode(next));
          }
        }
      }
    } finally {
      loading = false;
      if (wanted) {
        wanted = false;
        window.setTimeout(refresh, 1000);
      }
    }
  };

  watching.addEventListener("changed", refresh);
  window.addEventListener("pagehide", () => watching.close());
})();
