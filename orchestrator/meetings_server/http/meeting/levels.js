/** How loud a track is, ten times a second: for the meter, and for who is speaking. */

const EVERY = 100; // milliseconds
const SPEAKS = 0.04; // of full scale
const HOLDS = 600; // milliseconds for which somebody speaks on in a pause

let context = null;

function shared() {
  if (context === null) {
    context = new AudioContext();
    // A browser may keep it silent until the page was touched.
    const wake = () => context.resume().catch(() => {});
    for (const event of ["pointerdown", "keydown"]) document.addEventListener(event, wake);
  }
  return context;
}

/**
 * Listen to a track.
 * @param {MediaStreamTrack} track
 * @param {(level: number, speaks: boolean) => void} hear level from 0 to 1
 * @returns {() => void} stop listening
 */
export function listenTo(track, hear) {
  let source;
  let analyser;
  try {
    source = shared().createMediaStreamSource(new MediaStream([track]));
    analyser = shared().createAnalyser();
  } catch {
    return () => {}; // without sound on this machine there is no level either
  }
  analyser.fftSize = 512;
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  let last = -Infinity;
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    let sum = 0;
    for (const sample of samples) sum += sample * sample;
    const level = track.enabled ? Math.min(1, Math.sqrt(sum / samples.length) * 3) : 0;
    const now = performance.now();
    if (level > SPEAKS) last = now;
    hear(level, now - last < HOLDS);
  }, EVERY);
  return () => {
    clearInterval(timer);
    source.disconnect();
  };
}
