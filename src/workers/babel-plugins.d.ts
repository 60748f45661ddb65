// The plugins of Babel that come without types of their own.
declare module '@babel/plugin-proposal-decorators' {
  const plugin: unknown;
  export default plugin;
}
declare module '@babel/plugin-transform-explicit-resource-management' {
  const plugin: unknown;
  export default plugin;
}
declare module '@babel/plugin-transform-typescript' {
  const plugin: unknown;
  export default plugin;
}
declare module 'babel-plugin-parameter-decorator' {
  const plugin: unknown;
  export default plugin;
}
declare module 'babel-plugin-transform-typescript-metadata' {
  const plugin: unknown;
  export default plugin;
}
