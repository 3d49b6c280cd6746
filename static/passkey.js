// Passkeys: a button with data-passkey asks the browser for one and sends its answer with the button's form.
// The arithmetic is webauthn-json's, which django-allauth brings along.
"use strict";

function showPasskeys() {
  for (const button of document.querySelectorAll("[data-passkey][hidden]")) button.hidden = !window.PublicKeyCredential;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-passkey]");
  if (!button) return;
  event.preventDefault();
  try {
    const answer = await window.webauthnJSON[button.dataset.passkey](JSON.parse(button.dataset.options));
    button.form.elements[button.dataset.field].value = JSON.stringify(answer);
    button.form.submit();
  } catch (refused) {
    const note = button.form.querySelector("[data-passkey-refused]");
    if (note) note.hidden = false;
  }
});
document.addEventListener("DOMContentLoaded", showPasskeys);
document.addEventListener("htmx:afterSettle", showPasskeys);
