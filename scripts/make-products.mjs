// Makes jobs/data/products.csv: a product list as a shop might really get it, with everything that goes wrong in such
// files. The same seed gives the same bytes, so that tests can count what is in it.
//
//   node scripts/make-products.mjs [rows] > jobs/data/products.csv
import { argv, stdout } from 'node:process';

const ROWS = Number(argv[2] ?? 22_000);
const random = randomFrom(20_261_122);
const chance = (share) => random() < share;
const whole = (from, to) => from + Math.floor(random() * (to - from + 1));
const one = (list) => list[whole(0, list.length - 1)];

const KINDS = {
  Kitchen: [
    'Kettle',
    'Saucepan',
    'Crêpe pan',
    'Moka pot',
    'Bread knife',
    'Scale',
    'Rührschüssel',
    'Teapot',
  ],
  Garden: [
    'Rake',
    'Watering can',
    'Gartenschere',
    'Planter',
    'Bird feeder',
    'Hose 25 m',
    'Glove, left & right',
  ],
  Office: [
    'Stapler',
    'Notebook',
    'Fountain pen',
    'Desk lamp',
    'Monitor 27"',
    'Cable tidy',
    'Étagère',
    'Ringbuch',
  ],
  Toys: [
    'Kite',
    'Marble run',
    'Puzzle',
    'Wooden train',
    'Ķipa',
    'Jojo',
    'Dollhouse',
    'Card game "Löwe"',
  ],
  Sport: [
    'Football',
    'Yoga mat',
    'Skipping rope',
    'Helmet',
    'Pump',
    'Sling 120 cm',
    'Żagiel',
    'Tennis balls, 3',
  ],
};
const COLOURS = [
  'red',
  'blue',
  'green',
  'black',
  'white',
  'ochre',
  'café',
  'naïve grey',
  'türkis',
  '緑',
];
const MAKERS = [
  'Nordlys',
  'Casa Peña',
  'Müller & Söhne',
  'Łódź Works',
  'Ōta',
  'Bright, Ltd.',
  'ACME "Home"',
  'Vega',
];
const NOTES = [
  'Two years of warranty',
  'Packed by hand, ships in one box',
  'Box says "fragile"',
  'Wipe with a damp cloth',
  'First line\nsecond line, with a comma',
  'Spare parts:\n- screw\n- "washer"\n- spring',
  '',
];

stdout.write('\uFEFFid,name,category,price,stock,note\n');
for (let row = 1; row <= ROWS; row++) stdout.write(`${line(row)}\n`);

function line(row) {
  if (chance(0.004)) return one(['', '   ', ',,,,,']);
  const category = one(Object.keys(KINDS));
  const product = {
    id: `P${String(chance(0.008) ? whole(1, row) : row).padStart(6, '0')}`,
    name: `${one(MAKERS)} ${one(KINDS[category])} ${one(COLOURS)}`,
    category,
    price: (whole(95, 24_999) / 100).toFixed(2),
    stock: String(whole(0, 480)),
    note: chance(0.7) ? one(NOTES) : '',
  };
  return text(chance(0.02) ? spoiled(product) : product);
}

function spoiled(product) {
  const { id, name } = product;
  return one([
    { ...product, price: '' },
    { ...product, price: one(['n/a', '12,99', '€ 9.50', '-4.00', '1e999', '0x1F', '9.99.9']) },
    { ...product, stock: one(['many', '-3', '1.5', '']) },
    { ...product, id: one(['', `${id}X`, id.toLowerCase(), '0']) },
    { ...product, name: '' },
    { ...product, name: `${name}\u00a0`, note: 'tab\there, bell\u0007, zero\u200bwidth' },
    { ...product, name: `  ${name}  `, price: ` ${product.price} ` },
    { ...product, category: 'kitchen' },
    { ...product, extra: 'one field too many' },
    { id, name },
  ]);
}

/** Quotes where they are needed; now and then where they are not, and once in a while left out where they are. */
function text(product) {
  const fields = Object.values(product).map((value) => {
    const needed = /[",\n]/.test(value);
    const bare = needed && !/[,\n]/.test(value) && chance(0.3);
    return (needed && !bare) || chance(0.02) ? `"${value.replaceAll('"', '""')}"` : value;
  });
  return fields.join(',') + (chance(0.01) ? '  ' : '');
}

function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
