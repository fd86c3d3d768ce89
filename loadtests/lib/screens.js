// What the web app asks for when somebody opens a page of it.
import http from 'k6/http';
import { holds, note } from './outcome.js';
import { bearer, ORIGIN, shops } from './stage.js';

/** Load the first page as a browser that was here before does: scripts and styles are in its cache. */
export function loadOverview(person) {
  const params = (name) => ({ headers: bearer(person.token), tags: { name, page: 'overview' } });
  const page = http.get(`${ORIGIN}/`, params('html'));
  const [who, factor] = http.batch([
    ['GET', `${ORIGIN}/api/auth/verify`, null, params('verify')],
    ['GET', `${ORIGIN}/api/auth/second-factor`, null, params('second_factor')],
  ]);
  const overview = http.get(`${ORIGIN}/api/dashboard/overview`, params('overview'));
  noteEach([
    [page, page.status === 200 && String(page.body).includes('id="app"')],
    [who, holds(who, { 'the page is of who asks': (said) => said.user.username === person.username })],
    [factor, holds(factor, { 'no second factor is asked of shop people': (said) => said.required === false })],
    [overview, holds(overview, ownShop(person))],
  ]);
}

/** Open a machine's page: itself, its last day as a chart, what was heard. */
export function loadMachine(person, turn) {
  const { machines } = shops[person.shop];
  const { id } = machines[turn % machines.length];
  const params = (name) => ({ headers: bearer(person.token), tags: { name, page: 'machine' } });
  const [machine, chart, heard] = http.batch([
    ['GET', `${ORIGIN}/api/machines/${id}`, null, params('machine')],
    ['GET', `${ORIGIN}/api/machines/${id}/readings`, null, params('chart')],
    ['GET', `${ORIGIN}/api/machines/${id}/analyses`, null, params('analyses')],
  ]);
  noteEach([
    [machine, holds(machine, { 'the machine is the one asked for': (said) => said.machine.id === id && said.shop.id === shops[person.shop].id })],
    [chart, holds(chart, { 'the columns of the chart are equally long': (said) => said.fields.temperature_c.length === said.measured_at.length })],
    [heard, holds(heard, { 'the analyses are a list': (said) => Array.isArray(said.analyses) })],
  ]);
}

/** Ask for the figures that the owner's summary shows. */
export function loadSummary(person) {
  const answer = http.get(`${ORIGIN}/api/dashboard/summary`, { headers: bearer(person.token), tags: { name: 'summary', page: 'summary' } });
  noteEach([[answer, holds(answer, { 'the summary counts the machines of this shop alone': (said) => said.summary.overview.total_compressors === shops[person.shop].machines.length })]]);
}

function ownShop(person) {
  const mine = shops[person.shop];
  return {
    'the person sees their shop and no other': (said) => said.shops.length === 1 && said.shops[0].id === mine.id,
    'all machines of the shop are there': (said) => {
      const shown = said.shops[0].machines.map(({ id }) => id).sort((a, b) => a - b);
      return JSON.stringify(shown) === JSON.stringify(mine.machines.map(({ id }) => id));
    },
  };
}

/** Each request of a page counts by itself: a page is as slow as they are. */
function noteEach(answers) {
  for (const [answer, good] of answers) note('page', answer.timings.duration, good);
}
