export default async (_, ctx) => {
  const before = ctx.checkpoint;
  await ctx.save({ from: ctx.attempt });
  if (ctx.attempt === 1) await ctx.sleep('1h');
  return before;
};
