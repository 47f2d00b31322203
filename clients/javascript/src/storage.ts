/** What `localStorage`, React Native's AsyncStorage and `indexedDbStorage` have in common. */
export interface Storage {
  getItem(key: string): string | null | Promise<string | null>;
  setItem(key: string, value: string): void | Promise<void>;
  removeItem(key: string): void | Promise<void>;
}

/** Keeps values as long as the page, or the process, lives. */
export function memoryStorage(): Storage {
  const values = new Map<string, string>();
  return {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
  };
}

/** Keeps values in a database of the browser's, which holds more than `localStorage` and does not block the page. */
export function indexedDbStorage(name = 'justchat'): Storage {
  const opened = new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore('values');
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  async function run<T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    const transaction = (await opened).transaction('values', mode);
    const request = act(transaction.objectStore('values'));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  }
  return {
    getItem: async (key) => (await run('readonly', (store) => store.get(key))) ?? null,
    setItem: async (key, value) => void (await run('readwrite', (store) => store.put(value, key))),
    removeItem: (key) => run('readwrite', (store) => store.delete(key)),
  };
}

/** The last change of each storage, for those that come after it. */
const lastChange = new WeakMap<Storage, Promise<unknown>>();

/** Changes a stored value, one change after the other: of this page, and of every tab where the browser has locks. */
export class Stored<T> {
  constructor(private storage: Storage, private key: string, private empty: T) {}

  async read(): Promise<T> {
    return this.parsed(await this.storage.getItem(this.key));
  }

  change(how: (value: T) => T): Promise<void> {
    const change = async (): Promise<void> => {
      const found = this.storage.getItem(this.key);
      // Without a wait for `localStorage`: between reading and writing no other tab can come.
      const text = typeof found === 'string' || found === null ? found : await found;
      await this.storage.setItem(this.key, JSON.stringify(how(this.parsed(text))));
    };
    const locks = globalThis.navigator?.locks;
    const done = Promise.resolve(lastChange.get(this.storage)).then(async () => {
      await (locks ? locks.request(this.key, change) : change());
    });
    lastChange.set(this.storage, done.catch(() => {}));
    return done;
  }

  private parsed(text: string | null): T {
    if (text === null) return this.empty;
    try {
      return JSON.parse(text) as T;
    } catch {
      return this.empty; // half-written, or another program's
    }
  }
}
