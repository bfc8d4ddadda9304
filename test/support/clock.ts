export { MovableClock, RunningClock } from '../../src/testing/movable-clock.js';
