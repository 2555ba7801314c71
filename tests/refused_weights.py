"""What every command that measures at trained weights refuses, and in which words."""

REFUSED = {
    "no such member": (("--member=c",), "unknown member 'c'"),
    "one of two": (("--member", "a", "c"), "unknown member 'c'"),
    "a step that was not kept": (("--which=step:3",), "no checkpoint of step 3"),
    "one of two steps": (("--which", "step:2", "step:3"), "no checkpoint of step 3"),
    "no such weights": (("--which=bset",), "did you mean 'best'"),
    "a split": (("--split=tset",), "did you mean 'test'"),
    "a mode": (("--mode=trian",), "did you mean 'train'"),
    "too many images": (("--subset=33",), "a subset of 33 of 32 images"),
    "no images": (("--subset=0",), "a subset of 0"),
    "no batch": (("--batch=0",), "a batch of 0"),
    "a misspelt flag": (("--memebr=a",), "did you mean 'member'"),
}
