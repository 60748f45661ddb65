export default async (_, ctx) => {
  const before = ctx.checkpoint;
  await ctx.step('first', () => 'one');
  await ctx.step('second', () => 'two');
  await ctx.save({ from: ctx.attempt });
  await ctx.step('third', () => 'three');
  ctx.progress(40);
  if (ctx.attempt === 1) await ctx.sleep('1h');
  return { before, third: await ctx.step('third', () => 'again') };
};
