import { page } from '../../shared/page.js';
import { DeletePage } from './delete_page.js';

const draw = page(() => <DeletePage onSpoken={() => draw()} />);
