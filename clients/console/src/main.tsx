import { render } from 'preact';
import { App } from './app.js';
import { Model } from './model.js';

const place = document.getElementById('app');
if (place) {
  place.textContent = '';
  const draw = (): void => render(<App model={model} />, place);
  const model: Model = new Model(draw);
  draw();
}
