// The start of the page in the browser: the key, the theme, the address, the stream, and then the first picture.
import { render } from 'preact';
import { onKey, takeKey } from './address.ts';
import { App } from './app.tsx';
import { startKeys } from './keys.ts';
import { startLive } from './live.ts';
import { startRouter } from './router.ts';
import { startTheme } from './theme.ts';
import { startClock } from './times.tsx';

takeKey();
startTheme();
startRouter();
startClock();
startKeys();
startLive();
// All that is shown may be another with another key.
onKey(() => location.reload());
const root = document.getElementById('app');
if (root) {
  root.replaceChildren();
  render(<App />, root);
}
