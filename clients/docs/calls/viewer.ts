import SwaggerUI from 'swagger-ui-dist/swagger-ui-es-bundle.js';

const DARK = matchMedia('(prefers-color-scheme: dark)');

/** The viewer of the OpenAPI document, once it has read it. */
export interface Viewer {
  /** The calls that take a session have this key from now on; null: none has. */
  useSession(key: string | null): void;
}

/** As much of an OpenAPI document as this page reads itself. */
export interface Document {
  paths: Record<string, unknown>;
}

/** Shows the document in an element. */
export function showCalls(document: Document, element: HTMLElement): Promise<Viewer> {
  const follow = () => globalThis.document.documentElement.classList.toggle('dark-mode', DARK.matches);
  DARK.addEventListener('change', follow);
  follow();
  return new Promise((resolve) => {
    const shown = SwaggerUI({
      spec: document,
      domNode: element,
      deepLinking: true,
      docExpansion: 'list',
      filter: true,
      tryItOutEnabled: true,
      displayRequestDuration: true,
      // Schemas are shown where they are used. All at once they are a long list that takes a second.
      defaultModelsExpandDepth: -1,
      // It would ask a server elsewhere.
      validatorUrl: null,
      onComplete: () => resolve({
        useSession(key) {
          if (key === null) shown.authActions.logout(['session']);
          else shown.preauthorizeApiKey('session', key);
        },
      }),
    });
  });
}
