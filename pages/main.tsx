import { render } from 'preact';
import { App } from './app.js';
import './styles/base.css';
import './styles/layout.css';
import './styles/controls.css';
import './styles/parts.css';

const root = document.querySelector('#app');
if (root !== null) render(<App />, root);
