/* One generated shared library. What it holds is given by -D:

     NUMBER       001; of this library in its set
     PREFIX       fc_001_xxxx; begins the name of every symbol but the entry, 5 digits follow
     TEXT_BYTES   whole pages of text, no two alike
     RELOCATIONS  their number, exactly
     KIND         KIND_RELATIVE, KIND_SYMBOLIC or KIND_PLT: what the relocations are
     SYMBOLS      functions that it exports beside those that relocations name

   It exports fc_NUMBER_enter, which returns, and with KIND_PLT fc_NUMBER_calls: RELOCATIONS
   entries, 8 bytes apart, each of which can be called and goes through its own entry of the PLT. */

#define KIND_RELATIVE 1
#define KIND_SYMBOLIC 2
#define KIND_PLT 3

#define JOIN_(a, b, c) a##b##c
#define JOIN(a, b, c) JOIN_(a, b, c)
#define NAME_(a) #a
#define NAME(a) NAME_(a)

#if defined(__x86_64__)
#define RETURN ret
#define LOAD_RESULT mov $page, %eax
#define JUMP(function) jmp function@PLT
#elif defined(__aarch64__)
#define RETURN ret
#define LOAD_RESULT mov w0, page
#define JUMP(function) b function
#else
#error "library.S has no code for this architecture"
#endif

/* Numbers start here, so that all of them have five digits. */
#define FIRST 10000

  .altmacro

  .macro export type, prefix, index
  .globl \prefix\index
  .type \prefix\index, \type
\prefix\index:
  .endm

  .macro jump prefix, index
  JUMP(\prefix\index)
  .endm

  .macro pointer prefix, index
  .quad \prefix\index
  .endm

  .text
  .balign 4096
  .set page, 0
  .rept TEXT_BYTES / 4096
  LOAD_RESULT
  RETURN
  .balign 4
  .ascii NAME(NUMBER)
  .balign 4096
  .set page, page + 1
  .endr

  .globl JOIN(fc_, NUMBER, _enter)
  .type JOIN(fc_, NUMBER, _enter), STT_FUNC
JOIN(fc_, NUMBER, _enter):
  RETURN

  /* The numbers go on where those of the relocations end. */
  .set index, FIRST + RELOCATIONS
  .rept SYMBOLS
  export STT_FUNC, PREFIX, %index
  RETURN
  .set index, index + 1
  .endr

  .set index, FIRST
#if KIND == KIND_PLT
  .rept RELOCATIONS
  export STT_FUNC, PREFIX, %index
  RETURN
  .set index, index + 1
  .endr

  .globl JOIN(fc_, NUMBER, _calls)
  .type JOIN(fc_, NUMBER, _calls), STT_FUNC
  .balign 8
JOIN(fc_, NUMBER, _calls):
  .set index, FIRST
  .rept RELOCATIONS
  .balign 8
  jump PREFIX, %index
  .set index, index + 1
  .endr
#endif

  .data
  .balign 8
#if KIND == KIND_RELATIVE
.Lpointers:
  .rept RELOCATIONS
  .quad .Lpointers
  .endr
#elif KIND == KIND_SYMBOLIC
  .rept RELOCATIONS
  export STT_OBJECT, PREFIX, %index
  pointer PREFIX, %index
  .set index, index + 1
  .endr
#endif

  /* So that there is a segment of its own for constants, as in every other library. */
  .section .rodata
  .ascii NAME(NUMBER)

  .section .note.GNU-stack, "", %progbits
