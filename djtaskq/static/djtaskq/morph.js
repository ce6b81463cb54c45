"use strict";

// Makes one element like another and touches only what differs: focus, scroll places, open <details>,
// selected text and ticked boxes stay. What has an id or [data-row] is known again by it wherever it moves to,
// and a row of an admin's list by the page that it leads to.
// What a script has drawn is marked [data-keep]: only its attributes are taken over.
{
  const keyOf = (node) => {
    if (node.nodeType !== Node.ELEMENT_NODE) {
      return null;
    }
    const listed = node.tagName === "TR" && node.closest("#result_list");
    return node.id || node.dataset.row || (listed && node.querySelector("a[href]")?.getAttribute("href")) || null;
  };

  const alike = (old, fresh) =>
    old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && keyOf(old) === keyOf(fresh);

  // Attributes that the user or a script has set, of which the server knows nothing.
  const own = (element, name) =>
    (name === "open" && element.tagName === "DETAILS") ||
    (name === "hidden" && element.matches(".djtaskq-copy")) ||
    ("keep" in element.dataset && ["data-keep", "data-failed", "aria-busy"].includes(name));

  const takeAttributes = (old, fresh) => {
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && !own(old, name)) {
        old.removeAttribute(name);
      }
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value && !own(old, name)) {
        old.setAttribute(name, value);
      }
    }
  };

  const takeChildren = (old, fresh) => {
    const keyed = new Map();
    for (const child of old.children) {
      const key = keyOf(child);
      if (key) {
        keyed.set(key, child);
      }
    }
    let place = old.firstChild;
    for (const wanted of [...fresh.childNodes]) {
      const key = keyOf(wanted);
      const known = key ? keyed.get(key) : place;
      if (known && alike(known, wanted)) {
        keyed.delete(key); // of two with one key, each is itself
        if (known === place) {
          place = place.nextSibling;
        } else {
          old.insertBefore(known, place);
        }
        morph(known, wanted);
      } else {
        old.insertBefore(document.importNode(wanted, true), place);
      }
    }
    while (place) {
      const next = place.nextSibling;
      place.remove();
      place = next;
    }
  };

  const morph = (old, fresh) => {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== fresh.nodeValue) {
        old.nodeValue = fresh.nodeValue;
      }
      return;
    }
    takeAttributes(old, fresh);
    if (!("keep" in old.dataset)) {
      takeChildren(old, fresh);
    }
  };

  window.djtaskqMorph = morph;
}
