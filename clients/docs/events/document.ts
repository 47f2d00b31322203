/** As much of AsyncAPI 3 as the daemon's document has (justchat/http/asyncapi.py). */
export interface Document {
  info: { title: string; version: string; description: string };
  channels: Record<string, { messages: Record<string, Reference> }>;
  operations: Record<string, { summary: string; messages: Reference[] }>;
  components: { messages: Record<string, Message>; schemas: Record<string, Schema> };
}

export interface Message {
  name: string;
  summary: string;
  payload: Schema;
}

export interface Schema {
  $ref?: string;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  format?: string;
  pattern?: string;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
}

interface Reference {
  $ref: string;
}

/** A line of a table of fields; those of an object in a field have its name before theirs. */
export interface Row {
  name: string;
  kind: string;
  always: boolean;
  description: string;
}

/** What a reference stands for (RFC 6901), in as many steps as it takes. */
export function resolved<T extends object>(document: Document, value: T): T {
  let found: unknown = value;
  while (typeof found === 'object' && found !== null && '$ref' in found) {
    const path = String(found.$ref).replace(/^#\//, '').split('/');
    found = path.reduce<unknown>((part, name) => (part as Record<string, unknown>)[name.replaceAll('~1', '/').replaceAll('~0', '~')], document);
  }
  return found as T;
}

/** The fields of an object, and of the objects in it. */
export function rowsOf(document: Document, schema: Schema, prefix = '', seen: Schema[] = []): Row[] {
  const object = resolved(document, schema);
  if (seen.includes(object)) return [];
  return Object.entries(object.properties ?? {}).flatMap(([name, declared]) => {
    const field = resolved(document, declared);
    const row = {
      name: prefix + name,
      kind: kindOf(document, field),
      always: object.required?.includes(name) ?? false,
      description: declared.description ?? field.description ?? '',
    };
    const inner = [field, field.items, ...(field.anyOf ?? [])].filter((each) => each !== undefined);
    return [row, ...inner.flatMap((each) => rowsOf(document, each, `${prefix}${name}.`, [...seen, object]))];
  });
}

/** The type of a field in words. */
export function kindOf(document: Document, declared: Schema): string {
  const schema = resolved(document, declared);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(' or ');
  if (schema.anyOf) return schema.anyOf.map((each) => kindOf(document, each)).join(' or ');
  if (schema.type === 'array') return `list of ${kindOf(document, schema.items ?? {})}`;
  const kinds = [schema.type ?? 'anything'].flat();
  return kinds.map((kind) => (kind === 'string' && schema.format) || kind).join(' or ');
}
