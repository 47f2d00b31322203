import { render } from 'preact';
import { Header } from '../shared/header.js';
import { type Document, type Message, resolved, rowsOf } from './document.js';

/** A text with its `code` as such. */
function Said({ text }: { text: string }) {
  return <>{text.split(/`+([^`]+)`+/).map((part, index) => (index % 2 ? <code>{part}</code> : part))}</>;
}

function Fields({ document, message }: { document: Document; message: Message }) {
  const data = message.payload.properties?.['data'] ?? {};
  const said = resolved(document, data).description;
  return (
    <>
      {said && <p><Said text={said} /></p>}
      <div class="scrolled" tabIndex={0} role="region" aria-label={`Fields of ${message.name}`}>
        <table>
          <thead><tr><th scope="col">Field of data</th><th scope="col">Type</th><th scope="col">Meaning</th></tr></thead>
          <tbody>
            {rowsOf(document, data).map((row) => (
              <tr>
                <th scope="row"><code>{row.name}</code></th>
                <td>{row.kind}{!row.always && <span class="quiet"> (may be absent)</span>}</td>
                <td><Said text={row.description} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Events({ document }: { document: Document }) {
  return (
    <>
      {document.info.description.trim().split('\n\n').map((paragraph) => <p><Said text={paragraph} /></p>)}
      {Object.values(document.operations).map((operation) => (
        <section>
          <h2>{operation.summary}</h2>
          {operation.messages.map((reference) => {
            const message = resolved(document, reference as unknown as Message);
            return (
              <article id={message.name}>
                <h3><a href={`#${message.name}`}>{message.name}</a></h3>
                <p><Said text={message.summary} /></p>
                <Fields document={document} message={message} />
              </article>
            );
          })}
        </section>
      ))}
    </>
  );
}

async function load(): Promise<Document> {
  const answer = await fetch('../asyncapi.json');
  if (!answer.ok) throw new Error(`asyncapi.json: status ${answer.status}`);
  return (await answer.json()) as Document;
}

void load()
  .then(
    (document) => <Events document={document} />,
    (error: unknown) => <p class="wrong" role="alert">{String(error)}</p>,
  )
  .then((shown) => {
    render(<><Header page="events" /><main>{shown}</main></>, globalThis.document.getElementById('app')!);
    // The page was empty when the browser looked for the place that the address names.
    globalThis.document.getElementById(location.hash.slice(1))?.scrollIntoView();
  });
