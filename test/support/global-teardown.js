export default async function tearDown() {
  await globalThis.latchkeyCluster?.destroy();
}
