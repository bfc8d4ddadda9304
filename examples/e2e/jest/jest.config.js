/** `node --experimental-vm-modules node_modules/jest/bin/jest.js --config examples/e2e/jest/jest.config.js` */
export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/*.test.js'],
  setupFilesAfterEnv: ['latchkey/testing/jest-globals'],
  transform: {},
  testTimeout: 30_000,
};
