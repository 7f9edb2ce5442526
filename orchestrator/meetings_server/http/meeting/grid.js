/** How tiles fit into a space. */

const NARROWEST = 0.75; // width by height of a tile
const WIDEST = 16 / 9;
const SMALLEST = 80; // pixels across, below which nobody is known any more

/**
 * The largest tiles of one size that fit, so many of them; those that would be too small scroll.
 * @returns {{columns: number, width: number, height: number, scrolls: boolean}} in pixels
 */
export function fit(count, width, height, gap) {
  let best = { columns: 1, width: 0, height: 0, area: -1, scrolls: false };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    let across = (width - gap * (columns - 1)) / columns;
    let down = (height - gap * (rows - 1)) / rows;
    if (across <= 0 || down <= 0) continue;
    if (across / down > WIDEST) across = down * WIDEST;
    else if (across / down < NARROWEST) down = across / NARROWEST;
    if (across * down > best.area) {
      best = { ...best, columns, width: Math.floor(across), height: Math.floor(down), area: across * down };
    }
  }
  if (best.width < SMALLEST && width > SMALLEST) {
    const columns = Math.floor((width + gap) / (SMALLEST + gap));
    const across = Math.floor((width - gap * (columns - 1)) / columns);
    return { columns, width: across, height: Math.round(across * 0.75), scrolls: true };
  }
  return best;
}
