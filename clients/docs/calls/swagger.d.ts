declare module 'swagger-ui-dist/swagger-ui-es-bundle.js' {
  interface Shown {
    preauthorizeApiKey(scheme: string, key: string): unknown;
    authActions: { logout(schemes: string[]): void };
  }
  export default function SwaggerUI(settings: {
    spec: object;
    domNode: HTMLElement;
    deepLinking: boolean;
    docExpansion: 'list' | 'full' | 'none';
    filter: boolean;
    tryItOutEnabled: boolean;
    displayRequestDuration: boolean;
    defaultModelsExpandDepth: number;
    validatorUrl: null;
    onComplete(): void;
  }): Shown;
}
