/** HAR files out and in. What is in one is the server's to read; this page only carries it. */
import * as api from './api.js';
import { element } from './element.js';

/**
 * Saves what is kept, or what a filter matches, or one exchange, as a file.
 * @param {{filter?: string, id?: string}} which
 */
export async function save(which) {
  const file = new Blob([JSON.stringify(await api.har(which), null, 2)], { type: 'application/json' });
  const address = URL.createObjectURL(file);
  const link = document.createElement('a');
  link.href = address;
  link.download = which.id ? `wirelight-${which.id.replace(/[^\w.-]/g, '-')}.har` : 'wirelight.har';
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** @typedef {(said: string, isTrouble: boolean, ids: string[]) => void} Say told what came of a file, and which exchanges */

/**
 * Asks for a file and takes it in.
 * @param {Say} say
 * @returns {HTMLInputElement} the control that asks; `click()` opens it
 */
export function chooser(say) {
  const input = element('input', {
    type: 'file', class: 'unseen', id: 'har-file', accept: '.har,.json,application/json', tabindex: -1, 'aria-label': 'A HAR file to take in',
    on: {
      change: async () => {
        for (const file of input.files) await read(file, say);
        input.value = '';
      },
    },
  });
  return input;
}

/**
 * Takes a file in.
 * @param {File} file
 * @param {Say} say
 */
export async function read(file, say) {
  try {
    const { imported, ids } = await api.readHar(await file.text());
    say(`${imported === 1 ? '1 exchange was' : `${imported} exchanges were`} taken from ${file.name}.`, false, ids);
  } catch (error) {
    say(`${file.name} was not taken in: ${/** @type {Error} */ (error).message}`, true, []);
  }
}
