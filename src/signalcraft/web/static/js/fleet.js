/* Pure functions over an Overview: find a machine, patch it, order by urgency. */

/** @typedef {import("../../types").Overview} Overview */
/** @typedef {import("../../types").MachineCard} MachineCard */
/** @typedef {import("../../types").Light} Light */

/** Most urgent first.
 * @type {Light[]} */
const URGENCY = ["red", "yellow", "grey", "blue", "green"];

/** @param {Overview} overview */
export function allMachines(overview) {
  return [...overview.shops.flatMap((shop) => shop.machines), ...overview.unclaimed];
}

/**
 * @param {Overview} overview
 * @param {number} machineId
 */
export function findMachine(overview, machineId) {
  for (const shop of overview.shops) {
    const machine = shop.machines.find((candidate) => candidate.id === machineId);
    if (machine) return { machine, shop };
  }
  const machine = overview.unclaimed.find((candidate) => candidate.id === machineId);
  return machine ? { machine, shop: null } : null;
}

/**
 * A copy in which one machine is changed; all others stay the same objects.
 * @param {Overview} overview
 * @param {number} machineId
 * @param {Partial<MachineCard>} change
 * @returns {Overview}
 */
export function withMachine(overview, machineId, change) {
  /** @param {MachineCard[]} machines */
  const changed = (machines) =>
    machines.map((machine) => (machine.id === machineId ? { ...machine, ...change } : machine));
  return {
    ...overview,
    shops: overview.shops.map((shop) => {
      if (!shop.machines.some((machine) => machine.id === machineId)) return shop;
      const machines = changed(shop.machines);
      return { ...shop, machines, light: worstLight(machines) };
    }),
    unclaimed: changed(overview.unclaimed),
  };
}

/**
 * @param {{light: Light, name: string}} a
 * @param {{light: Light, name: string}} b
 */
export function byUrgency(a, b) {
  return URGENCY.indexOf(a.light) - URGENCY.indexOf(b.light) || a.name.localeCompare(b.name, undefined, { numeric: true });
}

/**
 * @param {MachineCard[]} machines
 * @returns {Light}
 */
function worstLight(machines) {
  return URGENCY.find((light) => machines.some((machine) => machine.light === light)) ?? "grey";
}
