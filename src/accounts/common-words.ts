/**
 * Words that passwords are habitually made of: English, pinyin and Chinese; names, love, sport, keyboards and brands.
 */
export const commonWords: readonly string[] = `
  password passwort passwd pass mima secret login welcome hello letmein access admin administrator root user guest test testing
  master system server manager change changeme default temp private public computer internet windows microsoft google apple
  facebook samsung android iphone nokia linux oracle cisco adobe yahoo hotmail gmail baidu taobao alipay wechat weixin weibo
  tencent qq huawei xiaomi aliyun jingdong douyin minecraft pokemon starwars batman superman spiderman ironman naruto
  iloveyou loveyou love loveme lover forever always honey sweet sweety sweetheart baby babe babygirl angel princess prince
  queen king kiss kitty sexy beauty beautiful pretty happy lucky smile sunshine sunny sunflower flower rainbow butterfly
  summer winter spring autumn monday friday january march april june july august september october november december
  football baseball basketball soccer hockey tennis golf volleyball liverpool arsenal chelsea barcelona juventus yankees
  dragon tiger lion eagle wolf monkey horse dolphin panda kitten puppy turtle rabbit chicken spider snake shark bear bird
  shadow ninja killer hunter ranger soldier warrior samurai knight wizard phantom ghost demon devil vampire zombie pirate
  jordan michael michelle jennifer jessica ashley amanda andrew daniel matthew joshua thomas robert william charlie charles
  anthony nicole samantha elizabeth victoria alexander alexandra benjamin christian christopher patrick richard george
  maggie jasmine danielle melissa stephanie rebecca natasha natalie vanessa veronica isabella gabriel nicholas jonathan
  steven brandon justin kevin jason ryan tyler austin dakota hannah sophie sophia olivia emily emma anna maria laura sarah
  alice lucy lily linda mary david james john jack peter paul mark simon martin oliver oscar harry henry lucas leo max sam
  computer chocolate cookie cheese banana orange cherry strawberry peanut pepper ginger coffee whiskey guitar music rock
  metal mustang corvette ferrari porsche mercedes yamaha harley honda toyota camaro maverick phoenix thunder lightning
  diamond silver golden crystal purple yellow green blue black white red pink star moon ocean river mountain island world
  freedom america england london paris berlin germany france russia canada mexico brazil china japan korea beijing
  shanghai guangzhou shenzhen hangzhou nanjing chengdu wuhan tianjin chongqing zhongguo china wojiushi wobuzhidao
  whatever trustno trust nothing something anything everything jesus christ heaven blessed faith god church bible family
  mother father mommy daddy mama papa mom dad sister brother friend friends school student teacher doctor money dollar rich
  buster bailey tigger snoopy garfield mickey donald winnie pooh barney simpson homer bandit casper rocky lucky scooter
  matrix startrek hardcore slayer metallica nirvana eminem blink cowboys steelers packers lakers redsox rangers giants
  fuckyou fuck fucker asshole bitch pussy shit bigdick cock sex porn naked playboy penis boobs suck sucker
  woaini woaiwo woaini wo aini ai ni nihao ni hao wode nide baobao baobei laopo laogong laopo mama baba meimei gege jiejie
  didi xiaoxiao xiaoming xiaohong xiaoli zhang wang li liu chen yang huang zhao wu zhou xu sun ma zhu hu guo he lin gao luo
  zheng liang xie song tang deng han feng cao peng zeng xiao tian dong yuan pan cai jiang yu du ye cheng wei su lu ding ren
  yao fang jia xia shen ming hua jun jie lei long tao yong qiang ping gang hui yan fei hong bin bo chao xin ying ting jing
  wangyang zhangwei wangwei liwei zhanglei liqiang wangfang lina caonima caoni nima sb niubi shabi fuckyou tamade
  qwerty asdf zxcv abc abcd asd qwe zxc xyz aaa qaz wsx edc rfv tgb
  我爱你 爱你 你好 密码 中国 北京 上海 宝宝 宝贝 老婆 老公 妈妈 爸爸 管理员 测试 一二三四五六七八九十 一二三四
`
  .trim()
  .split(/\s+/)
