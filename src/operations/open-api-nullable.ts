/**
 * Says «or null» the way JSON Schema 2020-12 does, which OpenAPI 3.1 uses: 3.0 had `nullable`, and that is
 * what the decorators know.
 */
export function nullableAsType<Node>(node: Node): Node {
  if (Array.isArray(node)) return node.map(nullableAsType) as Node;
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.entries(node).map(([name, value]) => [name, nullableAsType(value)]);
  const copy = Object.fromEntries(entries) as Record<string, unknown>;
  if (typeof copy['nullable'] !== 'boolean') return copy as Node;
  const { nullable, ...rest } = copy;
  if (nullable && typeof rest['type'] === 'string') rest['type'] = [rest['type'], 'null'];
  return rest as Node;
}
