// The viewer makes markup of Markdown, as a string. The browser lets no string become markup here, unless this policy has
// taken out what could run or has a style of its own. Whatever is imported later finds the policy in place.
import DOMPurify from 'dompurify';

type Policies = { createPolicy(name: 'default', rules: { createHTML(markup: string): string }): unknown };
const policies = (globalThis as { trustedTypes?: Policies }).trustedTypes;

policies?.createPolicy('default', {
  createHTML: (markup) => String(DOMPurify.sanitize(markup, { FORBID_ATTR: ['style'], FORBID_TAGS: ['style'] })),
});
