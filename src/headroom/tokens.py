"""The built-in token estimate: every decision of the package compares texts by this one count.

Method: a token count is the number of places where a token begins, so each byte gets the probability that a token
begins there, read from what stands around it (four bytes on the left, the byte and three on the right), and the
probabilities are added.  The surroundings are looked up in steps: two neighbours become one code, two codes become one
code, and so on, each step a `bytes.translate` for the table and big-integer shifts for bringing neighbours together.
No step runs Python code per byte, so a count takes about 15 ns per byte.  Two such chains of steps run side by side,
the second one trained on what the first cannot tell apart, and a last table joins their results.

Source of the tables: `benchmarks/tokens_calibration.py`, which fits them to where o200k_base begins its tokens in logs,
build output, JSON, tables, HTML, source code, prose, sessions of agents and generated identifiers.
Error over whole files, mean of the seven groups of tool output: 3.3 to 3.6 % on sources the tables were not fitted to
(fitted to one half of the projects, measured on the other), 2.3 % on the mix the tables below come from.  Error of the
ratio between two forms of one content (JSON dense or indented, CSV, TSV, numbered lines, diff lines): 0.6 to 1.6 %,
bias below 1 %.  Single texts of 20 to 200 characters: 6 to 8 %.  Prose in languages other than English: 10 %, 14 % on
unseen files; a single Chinese text of common words can come out 60 % too high.
The tables are data: they are replaced as a whole, by that script, and never edited.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from zlib import adler32

# Small enough for the working copies of one piece to stay in a processor's cache.
_PIECE = 16_384
# A byte is judged by the 4 bytes before it, itself and the 3 after it; 8 keeps the two margins alike.
_MARGIN = 4
_WINDOW = 2 * _MARGIN
# The tables hold probabilities in steps of 1/_SCALE, shifted by _ZERO so that a small negative weight fits a byte.
_SCALE = 180
_ZERO = 30
# 256 weights of at most 255 stay below 65,521, where the sum inside adler32 would wrap.
_SUM_RUN = 256
# The tokenizer package refuses texts of a million characters; pieces this long lose at most one token per joint.
_EXACT_PIECE = 200_000

_BLANK = bytes(_MARGIN)
_LOW = int.from_bytes(b"\x0f" * 2 * (_PIECE + _WINDOW), "little")
_HIGH = _LOW << 4

_Tables = tuple[bytes, ...]


def _unpack(*packed: str) -> _Tables:
    return tuple(base64.b85decode(text) for text in packed)


# For ASCII bytes: three tables per chain, the table that brings the chains together, the weights.
_ASCII = _unpack(
    "BTUhuN<sTi12ZE2A)_Gy{(%AAAwxs)K@9;!K|w=95u&P}{{HUj?(VMt-I=@0L_|bHL_|bHL`2;ypUv+6`&Cs{RaI40RaI40RaI40RaI40RaI40"
    "RaI5~tKL<a>Sl+BcV>uohh~U|cXoDWcX(!Zc4ml(cXx=c|L!9}KyZ)%P|#4YumAusu<$@Y0C3Q-ARs`{K)^syAOHYRKwwY+kkC+YaBwiNFaSWH"
    "K#%}%U_jsius~2iu%J+o0001hfS>>X05Cuh(2%guFtE_DKmY&$Fi=1+0FVGMK(LS?kZ_Q&u+RWdAOHXWKmY&$000000000000000",
    "@+@2otRAn$=6L;lP#lcRlAf2Ak(8O4nVy%Ilb4sC5*~+#ijIVYi-U-VhlhyH(*4u6O4QWUpG;3f!_y;7!pzLf5zf!g&&(3c%*+?eBHibGp)N^D"
    "Pj}bXcz4rH0^PU0vA(;zw%BJkGYHqdQr)+F@%{@1|F~iZIOjLM0^Row@%~ly^+#d|cemHL@{Q+Bk(88_<cEWYgKdbO5{-wAk)BCJ<%frZh=+%c"
    "qK%l1k>u%=l!J(eh<b-8;*IC+n(jnNOA~{GhlhuV!hz>=>V$-Zm4}Gu%8i31f{lkw>Xej}>4S*pmxqYsLXC&4A^wDUg?EQYjpvAm",
    "`Po8w8Hrh`c`|AFzOu;)?A%MN91IMseEi&;yS(iCS>8c@5ep5WelFjhyRq&LGSftG6Cy*Sqa)K9zOw1#5#LC57M50eb@tu%zq-!>`PoUS8JX#M"
    "aU$7*xw6R#lD$H36G54yvqWSvxwFLS4c$SZA3qO&p&ry7zR}L>7-&d%7$`WXcqrH?xVY#D2iiw)5chzfa3|Lny0GAf!qH3lD-OwjzwuxJv9!+*"
    "0n$UH6H-!hawF68v$MmJT-;229GncSeEe)Yyu8eu6x2k-6eNRmbR=XXw6x?Dgw;i*7gvCK$0gPmwYTS&3DQZVDFO+3c`4JGy|T%f",
    "4Q;eU&eS{*OEV%EXX7*V4;V#=C}VGY1?Axb5u8xN5ud96U&BqR?(YBp-I=@0L_|bHL_|bHL`2=v?*Hyy|5a60RaI40RaI40RaI40RV7tbRaI40"
    "B~?}K%<li0s%D6HcV>u)h-Qe0cXxMYcZhd)cV>u)h=_>p|L*@6u*3m*c$LNAW^oY^_3#!L6l%~_lJ~LVp{%mPIk#|U=GLP5E8xijZJAKCeFGsd"
    "1p-kA(2#>4&}ntB;{YH4007AV002)7<HnHW-fn8k00*??py~r4>i`NA1F!+^;DHcv0_K|{EEoXHeE<LeVE_OC000000000000000",
    "|6l9Tpn#13|AVDmZFuwZ=K$q2<pt&C<qPf(>*e9$dhm64e{y(#_x##*RdsrEAF!W2@pW7GH`rRx1tl4xAL0%K#G;E!r0!V<PVU+sZ{LMdXCf66"
    "W3tsIo;s>x>H$MRLgGk7MCe60IyC6+j}PUq5}C|qWNN*)Y6h6@W)Ek8kD|O}ZFodndYYQN3*vQOUw(_JU9r0jTz;xAdg2u@)k53V*g&{0+H$%Y"
    "c7lbaL6qm!-{#t}l5m31Q2}-Kf2aRX`6c6edhO~#dlYzk_9itoHE*SL;B?RXTMyf?*928o)q0}Ve=~t!excQofAuB$CIuF2VGJK}",
    "V7M9A8GyJ*h&eEXS(r^I$uEBHS^V(AiP&X_N&ZiuH-Dk!+XpvKn>O8zEHOV4X<zq;7gskx$6)t|*U3X!X|i$>5rV>qNa!est>r<&WWl1z;Rzv$"
    "gGK|3(U?xiZ3%v!RgBCQjp{0oP2x!ks?3%uTZ#(W#+y2ZMpj0~V3QI#v~$4oL-a(6WYtZ{VEK47-lfeO&EG(Uh-NtiWeIbgJ%m)~Kor!3)R02J"
    "n6+FKxQTF#Kj=MxK%}g6VJ+^+|A+_NUN_&4BYjQ?W5WXi!+-)}BJ&ekv-e0MX}Jh^841bQ$rRa%NeD>E>*9OR6-&DdW}8Keo9a)y",
    "4G0bj3Jwkj3<w1P01O5Q0u2oT2M!AY01W{K01E;N0t*5G0S5&E3=IJQ00RgL0S*lU0S*fU3<UuI00;&M0RaIG0RaI40RaI40RaI40SE~K1q}%U"
    "3<&}N01O5W0000000000000001ONa42LJ#7009994gd!L00;mK0S^NM2M-DX015#Q00;;L1PBQO1qcoS3<(1O00;&M0RR9100IF41ONvB00;mG"
    "4*&oF01poj4*(AU000000|@{C2nY@X1^@#L00<5V0000000000000002LJ#70|^EO2?!1Y1_lEL00{{W0tp2J0tyNT3=0PU00;;Q",
    "u&~gu&`^-D5YS-o@USp25a19HkPz_Tu+V^j;1CcnKyYwSK=8moK(KJYaL@ptkZ>T7kdVM&0MH=7AmAWy00000&;Sqs008j7Fi<c6uwbyDKtM21"
    "K+vEtpg?dSaKOO8kkG(zaNxj@z;M985a8fYkl^r8pwJ+IU=R?Xu&@BIu&@BIu&@9Su&}VO5Rfq7AmH$@aNv-T&=7#|&@f<NU=SeSV9=l-&`=Pd"
    "kYGSikYK>zaL{1Dpg@375TLN&K%j82(9mFTK+xbY&;Z~7a1d|+003~nFrXkH;2;nXU=Z+7;Lw18fN&t-5U|hy5P*<iV6Y&NpiodS",
    "*%%HSIvctueLEu)(K#j;;1C})DkRAiSyd}S&MI!n&LtZvD?i6SjbmIZ!!C`>(;hY?X)4lHmozUeydXT<$paG{BnML{TRloV#z{8V%pEoxC@8ii"
    "J7zH@n<qub$pbqwA|%rvS|M3I%u74e-V!MvYAwebn}j1N!Y!}O%?V>uV>rY>nqx{s&}Wj?-5envFjTh|WlCJY%P~yH-XAGAJ~zw~mp55y#wJnN"
    "+a@I`0wSU%KOPkW><TTn+9E2o!Z620rN3iL&^E-l*%2HrD<RMf$s+(F<Tgp>y%{SjD;vQ!qAxTrvoLku-5Vn{N-)Z4l2tT1%onZ9",
)

# The same for the bytes of all other characters; here every ASCII byte counts as one and the same neighbour.
_WIDE = _unpack(
    "5gfn}FdPv;z`;Sm5Ww8P5fH%95YQ0(z!4GA!O;;Bp`jrW&>S!k5upLmp%J0MK@kxV5fKr=!NCy`5#d3h5D^i<5y8Mg!4dI65fKp);cUSX5gb8a"
    "5fQ)<5J21!K@k!05fP!m5fQAx5y26`!4VO`!4W|bK@q_a5y3$aA|fIpLL(w2Vop*sRZ?U#GeI*mGgC-pG&D3NL_#%0Mpac;Rh3dwb#+!ZH7+70"
    "W9DWiH<o5McXM@jcXxMp|NoDO|BwCu8Xq72&;S3QnVR~~-~aueo&DeX|NsC0pN+f8|NsC0|Nqn74d40he*gdf|NsC0|NsC0|NsC0",
    "DLF&<;`1qFDJdx_DJdx_6A_Gv*juQG-zh06BPfU|5gCpGUS9aFW?(<CKu4rNDU_R{!r~6X5SogmDVnYz5h0$3%L$FZpoeduaWGIIArV`G!k(C3"
    "zmIQefJc`qDJkg3!X(7WirFAwBu^M1DTLeFikVsThi_RaDVlI9DKbmc)BaINDJdx_DJgj=DKbKm(o#rbJuoRLDM&IYK|x79GAXiY&?zY?B`Go~"
    "DKklAU?q?wDJdx_DJdx_6cG>ZG2<^}DJdx_6O&^pQ<O1|BLO97DJdx_Bq=2+badca33-rdiH#{KbhRl)F;n>X_(-^Dc_}F=DJk+P",
    "fEd5FAY5Erq+i}#TwGjRA+i6uv0TVOp`i#}r+!iT>AJJHu?@){WUxH2rn75^39zfQsx95iu&K)sz8fCXGrqpQy(631pcCn?^SiEN@3p(MwAgUl"
    "Rj+%z6SS~NG`G95|0*utVA<=iT)ewHfUvNjuv`itK)`^|>`ma00lmMqx&~Zay0hwBTwKPT-MFm1vFcnLq+R5`Txm>tWw*GvXIz+L6c=1vTsXH^"
    "GqAq1TwDP>zEJL7UAmik0aduM7F=9ht*u;KTwGjdh*hw&T$5Z3WqCtfTwGkqGrYLHvWZ*_%@>PYTwGjSJFug$vRqtTutGarTpUoa",
    "^}xg_vJSCOaN)rlc6^NrZ~=8F;zoNAGD;6mGUWEr5rU!CWO%{h!C?#m+j1Cp5gZ>8VL?nmA93HS8KDut66F7pmoVb0>@hHtcDZX+0xpA}lHsUv"
    "#f~w<<pQsZOOc_0y%86IyRqMt5rFaWf#;DCLGi)ixRK-Z;DBUFA|hfUA|fJ!A|fO+Gcr9hGcz_eGc!a-=|n_CL_|bHL{(KoRaG@rRaI3`W@ct)"
    "W@eUlWoE{AcXxMkcXxMp|Np2+&;O(YD)62#_D}z>nVR<VIT?}v&#&?}PpVGo|Npzp_5c6>|NnN~-Q6$l?*IS)|NsC0|NsC0|NsC0",
    "cnFZXV%uCZ6L|pmatHu<i~t1cFXHHk3sD%45deH}@pPBK6}zke6_Jy7{(b-$3a9sANujKl4MY+%Ija!$3IG6~<CIj&uJ%m=EIyFouP0!T-xM|w"
    "oXMdgp27mMnE;+}tP`T>G~ob?d@=|<Fb-Vf-{I1}ljLy?Am?dui*S5#0U|r9m^{X8?kxcE0=zLGNgdvffS^i3e02b&36NVfQX?P#TnGT?2wni7"
    "H_$+)%^9sQ5H|+!1YCHgJq8>mrmlQ%@Yn!%IN|{Cfv~55y=6=166OH&;Qjz`ctTadGBRykW=0?c!Et7uu?(x)3*ru!ptI~eI0ee@",
    "4$Rt97k=?|>#L?8upA`Y^)c_P*g_Iz2Vk=&h)k8erbeR>)6}41j;*=j1~PNd*18I|APcLh;-+HVy;!6Oy%ifFG=kKs-Q)xcX>epmq}&~;j3l5w"
    "m#09ccdjL<i{qg#gF|hLZme=kXbHS0)WvKm_@~u(=BaQsvnUM40P%ES6SMQVKcL>x7jYcpdd5$Zj4-?13#jtg;sbWLV3}S>#bdWiBdekli=KPz"
    "zc>BiR2``%T}?*fav{-Q_(b@Arsm+N0&?$nGG7bciGfLiZ|kWs2q6fp{LEAxi(~tdjJ-9C*``quYea@yxmf|8_C2w%J*$kZ|MsMX",
    "0|N^U0tW*J0uB!d2nYcK4GjYh3IPKP4h;nW2@M4S00#mD2?GxU4-5|p0|N~S2M-Gg2L}QN4+#PY2?7cU1_=TS0tW*H2@VVd1qllb1qulc1PcoX"
    "0RRsG3JMJm00{*R3;+lR0ssyG1PuiR00|EX1r7oL2@L=N2@eDX01pBK0s;UD4+jGS2m$~D00{sK1pxpB4+#SW2?GNG000II01X2I4g~-J4FCWJ"
    "00000000O800000000004G9Yf3I_uZ2nYuX0RjyI00#*O2?+)c3J3xU2?+oP3jzZP2@eAT2MGcW2?q@c00$2M4G97d2n7lY3kC-T",
    "AmBj25Ma=7;6UJTaM0jj;Lt!YKu}<ypkVOu@SxDJ(D1+j@DR|@aPV-@(4f$OU|`VTZ~%bdP%tpCu)ttopkVMYaPZKOknnJjppcM&5U>EyaA5F|"
    ";84(TkihWp@E{NX(9qBT5O8o15CG7yV8Fo8a4-;{@Nn?ZaG-Et@UWoJfB+C60O0TtV35#I(2#&|u+Z=jps;|j5CEW{(D0D30HE;jkdV*-@bJ*^"
    "@US4zP~ZUYU=R?HAn;I7@X&xz0I=||z(8Oi!0<r85D-A%u<+18AmGq&&`{9e0HA=-&=Bz8Fd&f75YQmdaA43-fMBqYV4!etaA1J2",
    "C^X8`G$bO@gM(HpE+skJ9v-mGEgB<`Dmx)RDH9*g85ydIL?9uDJ!>*YB_1WHBt@dmL>(!WPJ1y;C?P1(8ZxeeOc^ASLVz%MCn7A8BsQafIUga9"
    "J4G!;G$0{}EheeWJ0v23HAyWpDHt8k9~`^QGafvHG#)7}BoG?S8XUaLF)$~YLVZGdIw32~Ic3G&JRTv;SY|^&G8;J48b`j$I3*&vXJ%0@DI__}"
    "BpZ#(LKY#ZE=@8@DjX=tAtJq5RURU}UUfM&F&sOj7$wNkDHkooIZ`1yC<h|f9ww)0IwB#8J5(x6CKM&a885ckD<34%Ntr}8G#xYH",
)


def count_tokens(text: str) -> int:
    """Estimate how many tokens a model reads in the text.

    Unit: tokens of o200k_base; 0 for the empty text, at least 1 for any other.
    Errors: none, any text is accepted, lone surrogates included.
    Figures: see the head of this module for the measured error; the result depends on nothing but the text.
    """
    if not text:
        return 0
    data = text.encode("utf-8", "surrogatepass")
    total = 0
    for start in range(0, len(data), _PIECE):
        end = start + _PIECE + _MARGIN
        piece = data[start - _MARGIN : end] if start else _BLANK + data[:end]
        if end > len(data):
            piece += _BLANK[: end - len(data)]
        total += _weigh(piece, _ASCII)
        if not piece.isascii():
            total += _weigh(piece, _WIDE)
    return max(1, (total + _SCALE // 2) // _SCALE)


def exact_counter(encoding: str = "o200k_base") -> Callable[[str], int] | None:
    """Give a counter that runs the real tokenizer, or None when the extra `tokens` is not installed.

    Unit: tokens of the encoding, `o200k_base` or `cl100k_base`; texts above 200,000 characters are counted in pieces,
    which can add a token per joint.
    Errors: the tokenizer package's own, for an encoding it does not know.
    Source: the package `bpe-openai`; for reports only, decisions use `count_tokens`.
    """
    try:
        import bpe_openai  # noqa: PLC0415 - optional, and slow to load
    except ImportError:
        return None
    encode = bpe_openai.get_encoding(encoding).encode_ordinary

    def count(text: str) -> int:
        # A lone surrogate has no encoding; a question mark stands in for it.
        clean = text.encode("utf-8", "replace").decode("utf-8")
        starts = range(0, len(clean), _EXACT_PIECE)
        return sum([len(encode(clean[start : start + _EXACT_PIECE])) for start in starts])

    return count


def _weigh(piece: bytes, tables: _Tables) -> int:
    """Add up the weights of all bytes of the piece except its margins, in steps of 1/_SCALE token."""
    first, second = _chains(piece, tables)
    size = len(piece) - _WINDOW
    # The low half-byte comes from the first chain, the high one from the second: each table fills only its half.
    left = int.from_bytes(first.translate(tables[6]), "little")
    right = int.from_bytes(second.translate(tables[7]), "little")
    weights = (left | right).to_bytes(len(piece), "little")[:size].translate(tables[8])
    runs = range(0, size, _SUM_RUN)
    # adler32 starts its running sum at 1; summing a few hundred bytes by it beats sum() five times over.
    return sum([adler32(weights[at : at + _SUM_RUN]) & 0xFFFF for at in runs]) - len(runs) - _ZERO * size


def _chains(piece: bytes, tables: _Tables) -> tuple[bytes, bytes]:
    """Code the 8 bytes that start at each byte of the piece into one byte by each of the chains."""
    size = len(piece)
    first = second = piece
    # A table holds a 4-bit code for the left part of a pair and one for the right part; the shift (in bits) brings
    # the right part, 1, 2 or 4 bytes on, to the left one.  One number holds both chains, one behind the other.
    for shift, one, other in zip((8, 16, 32), tables[0:3], tables[3:6], strict=True):
        packed = int.from_bytes(first.translate(one) + second.translate(other), "little")
        codes = ((packed & _LOW) | ((packed >> shift) & _HIGH)).to_bytes(2 * size, "little")
        first, second = codes[:size], codes[size:]
    return first, second
