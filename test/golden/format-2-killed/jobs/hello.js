export default async (params, ctx) => {
  ctx.log.info('hello', { name: params.name ?? null });
  ctx.result({ row: 1 });
  await ctx.save({ half: true });
  if (params.fail) throw new Error('no luck');
  return { greeted: params.name ?? null };
};
