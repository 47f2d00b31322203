import { page } from '../../shared/page.js';
import { App } from './app.js';
import { Model } from './model.js';

const model: Model = new Model(() => draw());
const draw = page(() => <App model={model} />);
